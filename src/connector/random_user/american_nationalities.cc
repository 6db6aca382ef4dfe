#include "connector/random_user/nationality.h"

namespace leat::connector {
namespace {

constexpr NationalityText table[] = {
    {.code = "BR",
     .country = "Brazil",
     .postcode = "@####",
     .postcode_is_number = true,
     .phone = "(##) ####-####",
     .cell = "(##) ####-####",
     .id_name = "CPF",
     .id_value = "###.###.###-##",
     .men = "João,Pedro,Lucas,Mateus,Gabriel,Rafael,Thiago,Antônio,Caetano,Heitor,"
            "Davi,Murilo",
     .women = "Ana,Beatriz,Larissa,Juliana,Camila,Letícia,Fernanda,Conceição,Isadora,"
              "Luíza,Rosângela,Yara",
     .last_names = "Silva,Souza,Oliveira,Pereira,Costa,Araújo,Gonçalves,Ribeiro,Carvalho,"
                   "Magalhães,Teixeira,Barros,Nogueira,da Rocha",
     .streets = "Rua das Flores,Rua São José,Avenida Brasil,Rua Sete de Setembro,"
                "Travessa dos Martírios,Rua Tiradentes,Rua da Paz,Alameda Santos",
     .cities = "São Paulo,Rio de Janeiro,Salvador,Fortaleza,Belém,Goiânia,Maceió,"
               "Florianópolis,Uberlândia,Ribeirão Preto",
     .states = "São Paulo,Bahia,Minas Gerais,Ceará,Paraná,Pará,Rio Grande do Sul,Goiás"},
    {.code = "CA",
     .country = "Canada",
     .postcode = "\?#\? #\?#",
     .postcode_is_number = false,
     .phone = "###-###-####",
     .cell = "###-###-####",
     .id_name = "SIN",
     .id_value = "#########",
     .men = "William,Liam,Noah,Logan,Benjamin,Étienne,Xavier,Owen,Lucas,Nathan,"
            "Jérémie,Hudson",
     .women = "Charlotte,Emma,Olivia,Chloé,Léa,Amelia,Zoé,Maya,Florence,Sophia,Camille,"
              "Hailey",
     .last_names = "Tremblay,Roy,Gagnon,Smith,Macdonald,Bouchard,Singh,Campbell,Lavoie,"
                   "Wilson,Côté,Fraser,Patel,Chan",
     .streets = "Maple Ave,King St,Queen St,Rue Saint-Denis,Lakeshore Rd,Dundas St,"
                "Bay St,Chemin Sainte-Foy",
     .cities = "Toronto,Montréal,Vancouver,Calgary,Halifax,Winnipeg,Québec,Regina,"
               "Moncton,Kelowna",
     .states = "Ontario,Québec,British Columbia,Alberta,Nova Scotia,Manitoba,"
               "Saskatchewan,New Brunswick"},
    {.code = "MX",
     .country = "Mexico",
     .postcode = "@####",
     .postcode_is_number = true,
     .phone = "(###) ### ####",
     .cell = "(###) ### ####",
     .id_name = "NSS",
     .id_value = "## ## ## #### #",
     .men = "José,Juan,Miguel,Ángel,Jesús,Emiliano,Rodrigo,Andrés,Héctor,Ulises,"
            "Joaquín,Óscar",
     .women = "Guadalupe,María,Fernanda,Ximena,Sofía,Regina,Citlali,Itzel,Rocío,"
              "Verónica,Alejandra,Lucía",
     .last_names = "Hernández,García,Martínez,López,González,Ramírez,Cruz,Flores,Morales,"
                   "Zúñiga,Velázquez,Ibáñez,Quintero,Peña",
     .streets = "Calle Hidalgo,Avenida Juárez,Calle Morelos,Paseo de la Reforma,"
                "Calle Allende,Avenida Insurgentes,Calle Zaragoza,Privada del Sol",
     .cities = "Guadalajara,Monterrey,Puebla,Mérida,León,Querétaro,Oaxaca,Tijuana,"
               "Cancún,Xalapa",
     .states = "Jalisco,Nuevo León,Puebla,Yucatán,Guanajuato,Oaxaca,Veracruz,Chiapas"},
    {.code = "US",
     .country = "United States",
     .postcode = "@####",
     .postcode_is_number = true,
     .phone = "(###) ###-####",
     .cell = "(###) ###-####",
     .id_name = "SSN",
     .id_value = "###-##-####",
     .men = "James,Robert,Michael,David,Tyrone,Marcus,Carlos,Ethan,Wyatt,Jerome,"
            "Dylan,Walter",
     .women = "Mary,Patricia,Jennifer,Linda,Latoya,Ashley,Brooke,Madison,Gloria,Megan,"
              "Savannah,Denise",
     .last_names = "Johnson,Williams,Brown,Jones,Davis,Miller,Rodriguez,Washington,Nguyen,"
                   "Jackson,Thompson,Hayes,Kowalski,Bryant",
     .streets = "Main St,Oak Ridge Ln,Elm St,Washington Ave,Cedar Dr,Valley View Ln,"
                "Sunset Blvd,Lincoln Hwy",
     .cities = "Springfield,Austin,Denver,Portland,Columbus,Baltimore,Tucson,Savannah,"
               "Omaha,Boise",
     .states = "California,Texas,Ohio,Oregon,Georgia,Colorado,Michigan,Vermont"},
};

}  // namespace

std::span<const NationalityText> american_nationalities() { return table; }

}  // namespace leat::connector
