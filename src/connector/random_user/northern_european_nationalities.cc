#include "connector/random_user/nationality.h"

namespace leat::connector {
namespace {

constexpr NationalityText table[] = {
    {.code = "DK",
     .country = "Denmark",
     .postcode = "@####",
     .postcode_is_number = true,
     .phone = "########",
     .cell = "########",
     .id_name = "CPR",
     .id_value = "######-####",
     .men = "Mads,Søren,Frederik,Jørgen,Magnus,Mikkel,Rasmus,Aksel,Villads,Tobias,"
            "Bjørn,Aage",
     .women = "Freja,Ida,Sofie,Karla,Mathilde,Signe,Ditte,Astrid,Åse,Laura,Maja,Gitte",
     .last_names = "Nielsen,Jensen,Hansen,Sørensen,Rasmussen,Jørgensen,Møller,Kjær,"
                   "Østergaard,Thomsen,Poulsen,Lund,Holm,Bæk",
     .streets = "Nørregade,Vestergade,Østerbrogade,Algade,Søndergade,Strandvejen,"
                "Kirkevej,Møllevej",
     .cities = "København,Aarhus,Odense,Aalborg,Esbjerg,Ærø,Næstved,Køge,Roskilde,"
               "Hjørring",
     .states = "Hovedstaden,Midtjylland,Nordjylland,Sjælland,Syddanmark,Danmark"},
    {.code = "FI",
     .country = "Finland",
     .postcode = "@####",
     .postcode_is_number = true,
     .phone = "0#-###-###",
     .cell = "04#-###-##-##",
     .id_name = "HETU",
     .id_value = "######-###\?",
     .men = "Eero,Onni,Väinö,Mikko,Juho,Leevi,Aapo,Oskari,Jyrki,Tuomas,Ilmari,Pekka",
     .women = "Aino,Helmi,Venla,Siiri,Päivi,Kaisa,Minttu,Emmi,Hilla,Oona,Tuulikki,Anni",
     .last_names = "Korhonen,Virtanen,Mäkinen,Nieminen,Mäkelä,Hämäläinen,Laine,Heikkinen,"
                   "Järvinen,Lehto,Salo,Kivelä,Niskanen,Öhman",
     .streets = "Mannerheimintie,Aleksanterinkatu,Hämeenkatu,Pyynikintie,"
                "Itsenäisyydenkatu,Rautatienkatu,Satakennankatu,Visiokatu",
     .cities = "Helsinki,Tampere,Turku,Oulu,Jyväskylä,Lappeenranta,Kuopio,Hämeenlinna,"
               "Rovaniemi,Närpiö",
     .states = "Uusimaa,Pirkanmaa,Lappi,Kainuu,Pohjois-Savo,Keski-Suomi,Satakunta,Åland"},
    {.code = "GB",
     .country = "United Kingdom",
     .postcode = "\?@ #\?\?",
     .postcode_is_number = false,
     .phone = "01### ######",
     .cell = "07### ######",
     .id_name = "NINO",
     .id_value = "\?\? ## ## ## \?",
     .men = "George,Harry,Alfie,Callum,Rhys,Angus,Nathan,Isaac,Ewan,Dylan,Gareth,"
            "Reginald",
     .women = "Emily,Poppy,Eleanor,Fiona,Sian,Harriet,Beatrice,Morag,Lucy,Phoebe,Zara,"
              "Nicola",
     .last_names = "Smith,Jones,Evans,Campbell,Wright,Hughes,Khan,Patel,MacLeod,Fletcher,"
                   "Ashworth,Pritchard,Barker,O'Neill",
     .streets = "High Street,Church Lane,Station Road,Victoria Street,Mill Lane,"
                "Queensway,Kings Road,Park Avenue",
     .cities = "London,Manchester,Leeds,Cardiff,Glasgow,Belfast,Bath,Durham,Inverness,"
               "Swansea",
     .states = "Devon,Kent,Gwynedd,Fife,County Antrim,Lancashire,West Yorkshire,"
               "Highlands and Islands"},
    {.code = "IE",
     .country = "Ireland",
     .postcode = "@####",
     .postcode_is_number = true,
     .phone = "0##-###-####",
     .cell = "081-###-####",
     .id_name = "PPS",
     .id_value = "#######\?\?",
     .men = "Seán,Conor,Cillian,Oisín,Darragh,Fionn,Pádraig,Tadhg,Rory,Eoin,Declan,"
            "Brendan",
     .women = "Aoife,Saoirse,Niamh,Ciara,Caoimhe,Róisín,Sinéad,Gráinne,Maeve,Orla,Bríd,"
              "Deirdre",
     .last_names = "Murphy,Kelly,O'Sullivan,Walsh,Byrne,Ryan,O'Connor,Doyle,McCarthy,"
                   "Gallagher,Brennan,Quinn,Nolan,Kavanagh",
     .streets = "Grafton Street,Patrick Street,Church Road,Main Street,The Avenue,"
                "Mill Road,Killarney Road,Dublin Road",
     .cities = "Dublin,Cork,Galway,Limerick,Sligo,Kilkenny,Tralee,Drogheda,Ennis,Athlone",
     .states = "Kerry,Mayo,Donegal,Wicklow,Clare,Louth,Tipperary,Westmeath"},
    {.code = "NO",
     .country = "Norway",
     .postcode = "0###",
     .postcode_is_number = false,
     .phone = "########",
     .cell = "########",
     .id_name = "FN",
     .id_value = "###########",
     .men = "Ola,Lars,Håkon,Magnus,Sindre,Eirik,Jørgen,Øystein,Trygve,Odd,Sander,Leif",
     .women = "Ingrid,Solveig,Kari,Sigrid,Åshild,Marte,Silje,Bjørg,Frøydis,Maren,Thea,"
              "Ragnhild",
     .last_names = "Hansen,Johansen,Olsen,Larsen,Berg,Haugen,Solberg,Bakken,Strømme,Nygård,"
                   "Lie,Sæther,Moen,Ødegård",
     .streets = "Karl Johans gate,Storgata,Kirkeveien,Bogstadveien,Strandgata,Fjellveien,"
                "Åsveien,Grønlandsleiret",
     .cities = "Oslo,Bergen,Trondheim,Tromsø,Ålesund,Bodø,Stavanger,Lillehammer,"
               "Hønefoss,Svolvær",
     .states = "Oslo,Vestland,Troms og Finnmark,Nordland,Rogaland,Trøndelag,Agder,"
               "Møre og Romsdal"},
};

}  // namespace

std::span<const NationalityText> northern_european_nationalities() { return table; }

}  // namespace leat::connector
