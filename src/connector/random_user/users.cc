#include "connector/random_user/users.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <iterator>

#include "connector/random.h"
#include "connector/random_user/nationality.h"

namespace leat::connector {
namespace {

constexpr std::array<std::string_view, user_field_count> field_names = {
    "gender",     "name",  "location", "email", "login",   "dob",
    "registered", "phone", "cell",     "id",    "picture", "nat"};

/// Whole words of the field's own making, for user names and passwords.
constexpr std::string_view colours[] = {"amber", "black", "blue",   "bronze", "crimson", "golden",
                                        "green", "ivory", "orange", "purple", "red",     "silver",
                                        "tiny",  "white", "yellow", "big"};
constexpr std::string_view animals[] = {"badger", "bear",    "bird",  "cat",  "dog",    "duck",
                                        "fish",   "frog",    "goose", "hare", "heron",  "koala",
                                        "lion",   "meerkat", "otter", "owl",  "rabbit", "wolf"};
constexpr std::string_view passwords[] = {"harvest", "lantern", "pebble",  "sunrise",
                                          "captain", "thunder", "velvet",  "cinnamon",
                                          "orchid",  "rocket",  "snowman", "trumpet"};
/// Reserved by RFC 2606 and RFC 6761, so that no address is anybody's; the first ones come oftener.
constexpr std::string_view providers[] = {
    "example.com",  "example.com",   "example.com",     "example.com",
    "example.com",  "example.net",   "example.net",     "example.net",
    "example.org",  "example.org",   "mail.example",    "mail.example",
    "post.example", "inbox.example", "letters.example", "pigeon.example"};

struct Timezone {
  std::string_view offset;
  std::string_view description;
};
constexpr Timezone timezones[] = {
    {"-12:00", "Eniwetok, Kwajalein"},
    {"-11:00", "Midway Island, Samoa"},
    {"-10:00", "Hawaii"},
    {"-9:00", "Alaska"},
    {"-8:00", "Pacific Time (US & Canada)"},
    {"-7:00", "Mountain Time (US & Canada)"},
    {"-6:00", "Central Time (US & Canada), Mexico City"},
    {"-5:00", "Eastern Time (US & Canada), Bogota, Lima"},
    {"-4:00", "Atlantic Time (Canada), Caracas, La Paz"},
    {"-3:30", "Newfoundland"},
    {"-3:00", "Brazil, Buenos Aires, Georgetown"},
    {"-2:00", "Mid-Atlantic"},
    {"-1:00", "Azores, Cape Verde Islands"},
    {"0:00", "Western Europe Time, London, Lisbon, Casablanca"},
    {"+1:00", "Brussels, Copenhagen, Madrid, Paris"},
    {"+2:00", "Kaliningrad, South Africa"},
    {"+3:00", "Baghdad, Riyadh, Moscow, St. Petersburg"},
    {"+3:30", "Tehran"},
    {"+4:00", "Abu Dhabi, Muscat, Baku, Tbilisi"},
    {"+4:30", "Kabul"},
    {"+5:00", "Ekaterinburg, Islamabad, Karachi, Tashkent"},
    {"+5:30", "Bombay, Calcutta, Madras, New Delhi"},
    {"+5:45", "Kathmandu"},
    {"+6:00", "Almaty, Dhaka, Colombo"},
    {"+7:00", "Bangkok, Hanoi, Jakarta"},
    {"+8:00", "Beijing, Perth, Singapore, Hong Kong"},
    {"+9:00", "Tokyo, Seoul, Osaka, Sapporo, Yakutsk"},
    {"+9:30", "Adelaide, Darwin"},
    {"+10:00", "Eastern Australia, Guam, Vladivostok"},
    {"+11:00", "Magadan, Solomon Islands, New Caledonia"},
};

constexpr std::int64_t day_ms = 24LL * 3600 * 1000;
constexpr auto reference_day =
    std::chrono::sys_days(std::chrono::year(2026) / std::chrono::January / 1);
constexpr std::int64_t reference_ms = reference_day.time_since_epoch().count() * day_ms;
/// The public API was first open in 2002, by its own data.
constexpr std::int64_t first_registration_ms =
    std::chrono::sys_days(std::chrono::year(2002) / std::chrono::April / 1)
        .time_since_epoch()
        .count() *
    day_ms;
constexpr std::int64_t age_min = 21, age_max = 80;
constexpr std::uint64_t men_pictures = 100, women_pictures = 97;

/// Draws one user's values in a fixed order and writes them.
class UserWriter {
 public:
  UserWriter(const UserRecipe& recipe, std::uint64_t number, std::string& out)
      : recipe_(recipe), random_(recipe.seed, number), out_(out) {
    const auto all = nationalities();
    const std::size_t count =
        recipe.nationalities.empty() ? all.size() : recipe.nationalities.size();
    const std::size_t drawn = random_.below(count);
    nation_ = &all[recipe.nationalities.empty() ? drawn : recipe.nationalities[drawn]];
    woman_ = recipe.women.value_or(random_.below(2) == 1);
    first_ = &random_.pick(woman_ ? nation_->women : nation_->men);
    last_ = &random_.pick(nation_->last_names);
  }

  void write() {
    out_ += '{';
    bool first = true;
    for (unsigned field = 0; field < user_field_count; ++field) {
      if ((recipe_.fields >> field & 1) == 0) continue;
      if (!first) out_ += ',';
      first = false;
      // Each field draws from numbers of its own, so that leaving one out changes no other.
      random_.restart(field + 1);
      write_field(static_cast<UserField>(field));
    }
    out_ += '}';
  }

 private:
  void write_field(UserField field) {
    switch (field) {
      case UserField::gender:
        return write_gender();
      case UserField::name:
        return write_name();
      case UserField::location:
        return write_location();
      case UserField::email:
        return write_email();
      case UserField::login:
        return write_login();
      case UserField::dob:
        return write_dob();
      case UserField::registered:
        return write_registered();
      case UserField::phone:
        return write_phone();
      case UserField::cell:
        return write_cell();
      case UserField::id:
        return write_id();
      case UserField::picture:
        return write_picture();
      case UserField::nat:
        return write_nat();
    }
  }

  void text(std::string_view text) { out_ += text; }

  void number(std::int64_t value) {
    char digits[24];
    const auto end = std::to_chars(digits, std::end(digits), value).ptr;
    out_.append(digits, end);
  }

  void padded(unsigned value, int width) {
    char digits[8];
    for (int i = width - 1; i >= 0; --i, value /= 10) {
      digits[i] = static_cast<char>('0' + value % 10);
    }
    out_.append(digits, static_cast<std::size_t>(width));
  }

  void pattern(std::string_view pattern) {
    for (const char part : pattern) {
      switch (part) {
        case '#':
          out_ += static_cast<char>('0' + random_.below(10));
          break;
        case '@':
          out_ += static_cast<char>('1' + random_.below(9));
          break;
        case '?':
          out_ += static_cast<char>('A' + random_.below(26));
          break;
        default:
          out_ += part;
      }
    }
  }

  void hexadecimal(unsigned digits) {
    for (unsigned done = 0; done < digits; done += 16) {
      std::uint64_t bits = random_.next();
      for (unsigned i = done; i < std::min(digits, done + 16); ++i, bits >>= 4) {
        out_ += "0123456789abcdef"[bits & 15];
      }
    }
  }

  void decimal(std::int64_t bound) {
    const std::int64_t value = static_cast<std::int64_t>(random_.below(
                                   static_cast<std::uint64_t>(2 * bound * 10000 + 1))) -
                               bound * 10000;
    if (value < 0) out_ += '-';
    const auto magnitude = static_cast<unsigned>(value < 0 ? -value : value);
    number(magnitude / 10000);
    out_ += '.';
    padded(magnitude % 10000, 4);
  }

  void date(std::int64_t at_ms) {
    const auto days = std::chrono::floor<std::chrono::days>(
        std::chrono::sys_time<std::chrono::milliseconds>(std::chrono::milliseconds(at_ms)));
    const std::chrono::year_month_day day(days);
    auto rest = static_cast<unsigned>(at_ms - days.time_since_epoch().count() * day_ms);
    padded(static_cast<unsigned>(static_cast<int>(day.year())), 4);
    out_ += '-';
    padded(static_cast<unsigned>(day.month()), 2);
    out_ += '-';
    padded(static_cast<unsigned>(day.day()), 2);
    out_ += 'T';
    padded(rest / 3'600'000, 2);
    out_ += ':';
    padded(rest / 60'000 % 60, 2);
    out_ += ':';
    padded(rest / 1000 % 60, 2);
    out_ += '.';
    padded(rest % 1000, 3);
    out_ += 'Z';
  }

  /// Whole years from that moment to the reference day.
  static std::int64_t age(std::int64_t at_ms) {
    const std::chrono::year_month_day day(std::chrono::floor<std::chrono::days>(
        std::chrono::sys_time<std::chrono::milliseconds>(std::chrono::milliseconds(at_ms))));
    // The reference is a first of January: only one born on such a day has had this year's
    // birthday.
    const bool new_year = day.month() == std::chrono::January && day.day() == std::chrono::day(1);
    return 2026 - static_cast<int>(day.year()) - (new_year ? 0 : 1);
  }

  void write_gender() { text(woman_ ? R"("gender":"female")" : R"("gender":"male")"); }

  void write_name() {
    static constexpr std::string_view women_titles[] = {"Ms", "Mrs", "Miss"};
    const bool french =
        nation_->text.code == "FR" || (nation_->text.code == "CH" && random_.below(2) == 0);
    text(R"("name":{"title":")");
    if (french) {
      text(!woman_ ? "Monsieur" : random_.below(2) == 0 ? "Madame" : "Mademoiselle");
    } else {
      text(woman_ ? women_titles[random_.below(3)] : "Mr");
    }
    text(R"(","first":")");
    text(first_->text);
    text(R"(","last":")");
    text(last_->text);
    text(R"("})");
  }

  void write_location() {
    text(R"("location":{"street":{"number":)");
    number(1 + static_cast<std::int64_t>(random_.below(9999)));
    text(R"(,"name":")");
    text(random_.pick(nation_->streets));
    text(R"("},"city":")");
    text(random_.pick(nation_->cities));
    text(R"(","state":")");
    text(random_.pick(nation_->states));
    text(R"(","country":")");
    text(nation_->text.country);
    text(R"(","postcode":)");
    if (!nation_->text.postcode_is_number) out_ += '"';
    pattern(nation_->text.postcode);
    if (!nation_->text.postcode_is_number) out_ += '"';
    text(R"(,"coordinates":{"latitude":")");
    decimal(90);
    text(R"(","longitude":")");
    decimal(180);
    const Timezone& timezone = random_.pick(timezones);
    text(R"("},"timezone":{"offset":")");
    text(timezone.offset);
    text(R"(","description":")");
    text(timezone.description);
    text(R"("}})");
  }

  void write_email() {
    text(R"("email":")");
    text(first_->ascii);
    out_ += '.';
    text(last_->ascii);
    out_ += '@';
    text(random_.pick(providers));
    out_ += '"';
  }

  void write_login() {
    static constexpr std::string_view salt_letters =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    text(R"("login":{"uuid":")");
    hexadecimal(8);
    out_ += '-';
    hexadecimal(4);
    text("-4");
    hexadecimal(3);
    out_ += '-';
    out_ += "89ab"[random_.below(4)];
    hexadecimal(3);
    out_ += '-';
    hexadecimal(12);
    text(R"(","username":")");
    text(random_.pick(colours));
    text(random_.pick(animals));
    padded(static_cast<unsigned>(random_.below(1000)), 3);
    text(R"(","password":")");
    text(random_.pick(passwords));
    text(R"(","salt":")");
    for (int i = 0; i < 8; ++i) out_ += salt_letters[random_.below(salt_letters.size())];
    text(R"(","md5":")");
    hexadecimal(32);
    text(R"(","sha1":")");
    hexadecimal(40);
    text(R"(","sha256":")");
    hexadecimal(64);
    text(R"("})");
  }

  /// The moment of birth, from the numbers of `dob`, so that `registered` can keep after it.
  std::int64_t born_ms() {
    random_.restart(static_cast<unsigned>(UserField::dob) + 1);
    constexpr std::int64_t year_ms = 365 * day_ms + day_ms / 4;
    const auto span = static_cast<std::uint64_t>((age_max - age_min) * year_ms);
    return reference_ms - age_min * year_ms - static_cast<std::int64_t>(random_.below(span));
  }

  void write_moment(std::string_view name, std::int64_t at_ms) {
    out_ += '"';
    text(name);
    text(R"(":{"date":")");
    date(at_ms);
    text(R"(","age":)");
    number(age(at_ms));
    out_ += '}';
  }

  void write_dob() { write_moment("dob", born_ms()); }

  void write_registered() {
    constexpr std::int64_t grown_up_ms = 18 * (365 * day_ms + day_ms / 4);
    const std::int64_t earliest = std::max(born_ms() + grown_up_ms, first_registration_ms);
    random_.restart(static_cast<unsigned>(UserField::registered) + 1);
    const auto span = static_cast<std::uint64_t>(reference_ms - earliest);
    write_moment("registered", earliest + static_cast<std::int64_t>(random_.below(span)));
  }

  void write_phone() {
    text(R"("phone":")");
    pattern(nation_->text.phone);
    out_ += '"';
  }

  void write_cell() {
    text(R"("cell":")");
    pattern(nation_->text.cell);
    out_ += '"';
  }

  void write_id() {
    text(R"("id":{"name":")");
    text(nation_->text.id_name);
    if (nation_->text.id_name.empty()) return text(R"(","value":null})");
    text(R"(","value":")");
    pattern(nation_->text.id_value);
    text(R"("})");
  }

  void write_picture() {
    const auto portrait =
        static_cast<std::int64_t>(random_.below(woman_ ? women_pictures : men_pictures));
    text(R"("picture":{)");
    for (const auto& [name, folder] : {std::pair<std::string_view, std::string_view>{"large", ""},
                                       {"medium", "med/"},
                                       {"thumbnail", "thumb/"}}) {
      if (name != "large") out_ += ',';
      out_ += '"';
      text(name);
      text(R"(":"https://randomuser.me/api/portraits/)");
      text(folder);
      text(woman_ ? "women/" : "men/");
      number(portrait);
      text(R"(.jpg")");
    }
    out_ += '}';
  }

  void write_nat() {
    text(R"("nat":")");
    text(nation_->text.code);
    out_ += '"';
  }

  const UserRecipe& recipe_;
  Random random_;
  std::string& out_;
  const Nationality* nation_;
  bool woman_;
  const Name* first_;
  const Name* last_;
};

}  // namespace

std::optional<std::uint32_t> user_field_bit(std::string_view name) {
  const auto found = std::ranges::find(field_names, name);
  if (found == field_names.end()) return std::nullopt;
  return 1u << (found - field_names.begin());
}

void append_user(const UserRecipe& recipe, std::uint64_t number, std::string& out) {
  UserWriter(recipe, number, out).write();
}

}  // namespace leat::connector
