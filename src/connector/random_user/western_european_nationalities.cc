#include "connector/random_user/nationality.h"

namespace leat::connector {
namespace {

constexpr NationalityText table[] = {
    {.code = "CH",
     .country = "Switzerland",
     .postcode = "@###",
     .postcode_is_number = true,
     .phone = "07# ### ## ##",
     .cell = "07# ### ## ##",
     .id_name = "AVS",
     .id_value = "756.####.####.##",
     .men = "Luca,Reto,Urs,Jonas,Beat,Lionel,Mathis,Fabio,Jürg,Noé,Sandro,André",
     .women = "Lea,Nora,Ladina,Chiara,Célia,Anouk,Ursula,Giulia,Seraina,Éloïse,Vreni,"
              "Margrit",
     .last_names = "Müller,Meier,Schmid,Keller,Weber,Favre,Rochat,Bernasconi,Zürcher,"
                   "Brunner,Bühler,Gerber,Fournier,Caduff",
     .streets = "Bahnhofstrasse,Rue de Lausanne,Via Nassa,Dorfstrasse,Rue du Rhône,"
                "Seestrasse,Hauptstrasse,Chemin des Vignes",
     .cities = "Zürich,Genève,Basel,Lausanne,Bern,Neuchâtel,Lugano,Chur,Delémont,"
               "Bellinzona",
     .states = "Zürich,Vaud,Ticino,Graubünden,Valais,Bern,Neuchâtel,Uri"},
    {.code = "DE",
     .country = "Germany",
     .postcode = "@####",
     .postcode_is_number = true,
     .phone = "0###-#######",
     .cell = "017#-#######",
     .id_name = "SVNR",
     .id_value = "## ###### \? ###",
     .men = "Lukas,Jürgen,Felix,Günter,Maximilian,Björn,Jonas,Sebastian,Matthias,"
            "Emil,Jörg,Konstantin",
     .women = "Anna,Käthe,Lena,Ursula,Greta,Frieda,Jördis,Hannelore,Mia,Sabine,"
              "Charlotte,Antje",
     .last_names = "Müller,Schmidt,Schneider,Fischer,Schäfer,Krüger,Köhler,Böhm,Groß,Weiß,"
                   "Vogel,Hoffmann,Lindner,Busch",
     .streets = "Hauptstraße,Gartenweg,Schillerstraße,Bahnhofstraße,Am Mühlbach,"
                "Lindenallee,Goethestraße,Bergstraße",
     .cities = "Berlin,Hamburg,München,Köln,Düsseldorf,Leipzig,Nürnberg,Würzburg,"
               "Rostock,Görlitz",
     .states = "Bayern,Hessen,Sachsen,Thüringen,Brandenburg,Niedersachsen,"
               "Baden-Württemberg,Schleswig-Holstein"},
    {.code = "ES",
     .country = "Spain",
     .postcode = "@####",
     .postcode_is_number = true,
     .phone = "9##-###-###",
     .cell = "6##-###-###",
     .id_name = "DNI",
     .id_value = "########-\?",
     .men = "Antonio,Javier,Álvaro,Iñaki,Rubén,Jordi,Víctor,Gonzalo,Raúl,Mateo,"
            "Adrián,Xoán",
     .women = "Carmen,Lucía,Núria,Begoña,Inés,Rocío,Marta,Aitana,Montserrat,Pilar,"
              "Sofía,Uxía",
     .last_names = "García,Fernández,Sánchez,Pérez,Núñez,Castaño,Vidal,Ortega,Domínguez,"
                   "Iglesias,Muñoz,Ferrer,Etxeberria,Gil",
     .streets = "Calle Mayor,Gran Vía,Calle de Alcalá,Paseo de Extremadura,"
                "Avenida de Andalucía,Calle de Toledo,Rambla Nova,Calle del Pez",
     .cities = "Madrid,Barcelona,Sevilla,Málaga,Cádiz,A Coruña,Logroño,Córdoba,Bilbao,"
               "Palma",
     .states = "Andalucía,Cataluña,Galicia,Aragón,Castilla y León,Asturias,Canarias,"
               "Extremadura"},
    {.code = "FR",
     .country = "France",
     .postcode = "@####",
     .postcode_is_number = true,
     .phone = "0#-##-##-##-##",
     .cell = "06-##-##-##-##",
     .id_name = "INSEE",
     .id_value = "1############## ##",
     .men = "Louis,Léo,Théo,Gaël,Raphaël,Noël,François,Maël,Rémi,Yann,Clément,"
            "Baptiste",
     .women = "Louise,Chloé,Inès,Zoé,Anaïs,Hélène,Maëlys,Adèle,Océane,Solène,Garance,"
              "Maïwenn",
     .last_names = "Martin,Bernard,Lefèvre,Moreau,Garcia,Bénard,Lefebvre,Fontaine,Renaud,"
                   "Gauthier,Colin,Lemoine,Le Goff,Roussel",
     .streets = "Rue de la République,Rue Victor-Hugo,Place de l'Église,"
                "Avenue Jean-Jaurès,Rue du Château,Quai Chauveau,Rue des Écoles,"
                "Boulevard Voltaire",
     .cities = "Paris,Lyon,Nîmes,Besançon,Orléans,Saint-Étienne,Béziers,Brest,Toulouse,"
               "Angoulême",
     .states = "Finistère,Hérault,Isère,Loiret,Gironde,Nord,Var,Corrèze"},
    {.code = "NL",
     .country = "Netherlands",
     .postcode = "@### \?\?",
     .postcode_is_number = false,
     .phone = "(0###) ######",
     .cell = "(06) ########",
     .id_name = "BSN",
     .id_value = "########",
     .men = "Daan,Sem,Bram,Joost,Thijs,Ruben,Maarten,Wouter,Jelle,Sjoerd,Teun,Koen",
     .women = "Sanne,Fleur,Lotte,Anouk,Femke,Noortje,Marloes,Iris,Saskia,Eline,Mieke,"
              "Britt",
     .last_names = "de Jong,Jansen,de Vries,van den Berg,Bakker,Visser,Smit,Meijer,de Boer,"
                   "Mulder,Dekker,Hoekstra,van Dijk,Kuipers",
     .streets = "Dorpsstraat,Kerkstraat,Prinsengracht,Stationsweg,Molenweg,Beatrixlaan,"
                "Oude Delft,Nieuwstraat",
     .cities = "Amsterdam,Rotterdam,Utrecht,Groningen,Zwolle,Maastricht,Leiden,Delft,"
               "Sneek,Middelburg",
     .states = "Friesland,Drenthe,Gelderland,Zeeland,Limburg,Noord-Holland,Overijssel,"
               "Flevoland"},
};

}  // namespace

std::span<const NationalityText> western_european_nationalities() { return table; }

}  // namespace leat::connector
