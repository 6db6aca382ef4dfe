#include "connector/random_user/nationality.h"

namespace leat::connector {
namespace {

constexpr NationalityText table[] = {
    {.code = "AU",
     .country = "Australia",
     .postcode = "@###",
     .postcode_is_number = true,
     .phone = "0#-####-####",
     .cell = "04##-###-###",
     .id_name = "TFN",
     .id_value = "#########",
     .men = "Jack,Oliver,Lachlan,Cooper,Angus,Harrison,Riley,Darcy,Flynn,Hamish,"
            "Bodhi,Marcus",
     .women = "Matilda,Isla,Ruby,Sienna,Georgia,Kirra,Bronte,Harper,Willow,Imogen,"
              "Tahlia,Evie",
     .last_names = "Smith,Nguyen,Williams,Taylor,Kelly,Walker,Papadopoulos,Robertson,"
                   "Mitchell,Whitlam,Murphy,Rossi,Hughes,Carter",
     .streets = "George St,Station St,Banksia Dr,Wattle Grove,Victoria Rd,Beach Rd,"
                "Kangaroo Valley Rd,Railway Pde",
     .cities = "Sydney,Melbourne,Brisbane,Perth,Hobart,Darwin,Geelong,Ballarat,Cairns,"
               "Wollongong",
     .states = "New South Wales,Victoria,Queensland,Western Australia,Tasmania,"
               "South Australia,Northern Territory,Australian Capital Territory"},
    {.code = "IN",
     .country = "India",
     .postcode = "@#####",
     .postcode_is_number = true,
     .phone = "9#########",
     .cell = "8#########",
     .id_name = "UIDAI",
     .id_value = "############",
     .men = "Aarav,Arjun,Rohan,Vikram,Sanjay,Ishaan,Karthik,Manoj,Nikhil,Suresh,"
            "Devansh,Imran",
     .women = "Ananya,Priya,Kavya,Lakshmi,Meera,Pooja,Saanvi,Sunita,Deepika,Nandini,"
              "Aishwarya,Fatima",
     .last_names = "Sharma,Patel,Iyer,Reddy,Gupta,Nair,Banerjee,Chatterjee,Kulkarni,Mehta,"
                   "Joshi,Verma,Kaur,Rao",
     .streets = "Mahatma Gandhi Road,Station Road,Nehru Marg,Linking Road,Temple Street,"
                "Lal Bahadur Path,Ring Road,Anna Salai",
     .cities = "Mumbai,Pune,Chennai,Kochi,Jaipur,Lucknow,Kolkata,Mysuru,Nagpur,Bhopal",
     .states = "Maharashtra,Kerala,Tamil Nadu,Karnataka,Rajasthan,West Bengal,Punjab,"
               "Gujarat"},
    {.code = "IR",
     .country = "Iran",
     .postcode = "@####",
     .postcode_is_number = true,
     .phone = "0##-########",
     .cell = "09##-###-####",
     .id_name = "",
     .id_value = "",
     .men = "علی,محمد,رضا,امیر,حسین,مهدی,آرش,پارسا,کیان,سینا,بهنام,فرهاد",
     .women = "زهرا,فاطمه,مریم,سارا,نازنین,پریسا,شیرین,الناز,مهسا,نگار,یاسمین,هستی",
     .last_names = "احمدی,محمدی,حسینی,رضایی,کریمی,موسوی,جعفری,صادقی,نجاتی,قاسمی,یزدانی,گلشن,"
                   "پارسا,طاهری",
     .streets = "خیابان ولیعصر,خیابان آزادی,میدان انقلاب,خیابان شریعتی,بلوار کشاورز,"
                "خیابان حافظ,کوچه گلستان,خیابان فردوسی",
     .cities = "تهران,مشهد,اصفهان,شیراز,تبریز,کرمان,رشت,یزد,اهواز,همدان",
     .states = "تهران,خراسان رضوی,اصفهان,فارس,گیلان,کرمان,خوزستان,مازندران"},
    {.code = "NZ",
     .country = "New Zealand",
     .postcode = "@####",
     .postcode_is_number = true,
     .phone = "(###)-###-####",
     .cell = "(###)-###-####",
     .id_name = "",
     .id_value = "",
     .men = "Liam,Hunter,Mason,Tane,Nikau,Cooper,Wiremu,Blake,Toby,Rangi,Caleb,Finn",
     .women = "Aria,Mia,Aroha,Maia,Anahera,Ella,Hazel,Kiri,Marama,Piper,Sophie,Lucy",
     .last_names = "Wilson,Harris,Ngata,Williams,Tūhoe,Thompson,Walker,Parata,Singh,Clarke,"
                   "Patel,Morris,Henare,Li",
     .streets = "Queen Street,Great North Road,Tāmaki Drive,Cuba Street,Riccarton Road,"
                "Marine Parade,Kōwhai Lane,Devon Street West",
     .cities = "Auckland,Wellington,Christchurch,Dunedin,Whangārei,Taupō,Nelson,Napier,"
               "Rotorua,Invercargill",
     .states = "Otago,Canterbury,Waikato,Northland,Taranaki,Southland,Hawke's Bay,"
               "Manawatū-Whanganui"},
    {.code = "TR",
     .country = "Turkey",
     .postcode = "@####",
     .postcode_is_number = true,
     .phone = "(###)-###-####",
     .cell = "(###)-###-####",
     .id_name = "",
     .id_value = "",
     .men = "Mehmet,Mustafa,Emre,Çağrı,Kerem,Okan,Barış,Yiğit,Tolga,Ömer,Serkan,Ümit",
     .women = "Ayşe,Zeynep,Elif,Şeyma,Büşra,Gül,Özlem,İrem,Çiğdem,Nil,Defne,Ebru",
     .last_names = "Yılmaz,Kaya,Demir,Şahin,Çelik,Yıldız,Öztürk,Aydın,Arslan,Doğan,Koç,"
                   "Güneş,Taşçı,Ünal",
     .streets = "Atatürk Sk,Bağdat Cd,İstiklal Cd,Kuşadası Blv,Mevlana Cd,"
                "Tunalı Hilmi Cd,Necatibey Cd,Çiçek Sk",
     .cities = "İstanbul,Ankara,İzmir,Bursa,Muğla,Gümüşhane,Eskişehir,Şanlıurfa,Trabzon,"
               "Çanakkale",
     .states = "Kastamonu,Aydın,Kırşehir,Niğde,Sakarya,Hatay,Iğdır,Uşak"},
};

}  // namespace

std::span<const NationalityText> asian_and_pacific_nationalities() { return table; }

}  // namespace leat::connector
