#include "file/when.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <optional>

namespace haven::file {
namespace {

using Failure = tl::unexpected<std::string>;

constexpr std::array<std::string_view, 7> kDays{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
constexpr int kEveryDay = 127;
constexpr int kMinutesOfDay = 24 * 60;
// What was before is nobody's calendar any more.
constexpr std::int64_t k2020 = 1'577'836'800;
// A zone's file has a few kilobytes.
constexpr std::size_t kMaxZoneBytes = 64 * 1024;

std::string quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

std::vector<std::string_view> parted(std::string_view text, char by) {
  std::vector<std::string_view> parts;
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find(by, at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

std::optional<int> day_of(std::string_view word) {
  const auto it = std::find(kDays.begin(), kDays.end(), word);
  if (it == kDays.end()) return std::nullopt;
  return static_cast<int>(it - kDays.begin());
}

tl::expected<int, std::string> days_of(std::string_view text) {
  if (text == "daily") return kEveryDay;
  int days = 0;
  for (const auto part : parted(text, ',')) {
    const auto dash = part.find('-');
    const auto from = day_of(part.substr(0, dash));
    const auto to = dash == std::string_view::npos ? from : day_of(part.substr(dash + 1));
    if (!from || !to) return Failure(quoted(part) + " is no day or range of days (Mon Tue Wed Thu Fri Sat Sun, daily)");
    for (int day = *from;; day = (day + 1) % 7) {
      days |= 1 << day;
      if (day == *to) break;
    }
  }
  return days;
}

// HH:MM in minutes.
std::optional<int> minutes_of(std::string_view text) {
  const auto digit = [&](std::size_t i) { return text[i] >= '0' && text[i] <= '9'; };
  if (text.size() != 5 || text[2] != ':' || !digit(0) || !digit(1) || !digit(3) || !digit(4)) return std::nullopt;
  const int hours = (text[0] - '0') * 10 + text[1] - '0';
  const int minutes = (text[3] - '0') * 10 + text[4] - '0';
  if (minutes > 59 || hours * 60 + minutes > kMinutesOfDay) return std::nullopt;
  return hours * 60 + minutes;
}

tl::expected<CalendarWindow, std::string> window_of(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  const auto words = parted(text, ' ');
  if (words.size() != 2) return Failure(quoted(text) + " is no window: days and hours, as in \"Mon-Fri 08:00-18:00\"");
  const auto days = days_of(words[0]);
  if (!days) return Failure(days.error());
  const auto dash = words[1].find('-');
  const auto from = minutes_of(words[1].substr(0, dash));
  const auto to = dash == std::string_view::npos ? std::nullopt : minutes_of(words[1].substr(dash + 1));
  if (!from || !to || *from == kMinutesOfDay || *to == 0)
    return Failure(quoted(words[1]) + " are no hours: 08:00-18:00, 22:00-06:00 or 00:00-24:00, for example");
  if (*from == *to) return Failure(quoted(words[1]) + " begins when it ends: 00:00-24:00 is the whole day");
  return CalendarWindow{*days, *from, *to};
}

bool may_be_zone(std::string_view name) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '+' ||
           c == '-' || c == '/';
  };
  return !name.empty() && name.front() != '/' && name.back() != '/' && std::all_of(name.begin(), name.end(), plain);
}

tl::expected<std::vector<ZoneOffset>, std::string> offsets_of(const std::string& zones, std::string_view name) {
  const std::string unknown = quoted(name) + " is no time zone that this machine knows (tzdata)";
  if (!may_be_zone(name)) return Failure(unknown);
  std::ifstream file(zones + "/" + std::string(name), std::ios::binary);
  std::string bytes(kMaxZoneBytes, '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  if (bytes.empty()) return Failure(unknown);
  auto offsets = parse_zone(bytes);
  if (!offsets) return Failure(quoted(name) + ": " + offsets.error());
  return offsets;
}

// The numbers of a compiled zone, big-endian.
class ZoneBytes {
 public:
  explicit ZoneBytes(std::string_view bytes) : bytes_(bytes) {}
  std::int64_t number(std::size_t size) {
    if (bytes_.size() - at_ < size) good_ = false;
    if (!good_) return 0;
    std::uint64_t value = static_cast<unsigned char>(bytes_[at_]) >= 128 ? ~std::uint64_t{0} : 0;
    for (std::size_t i = 0; i < size; ++i) value = (value << 8U) | static_cast<unsigned char>(bytes_[at_ + i]);
    at_ += size;
    return static_cast<std::int64_t>(value);
  }
  void skip(std::int64_t size) {
    good_ = good_ && size >= 0 && static_cast<std::size_t>(size) <= bytes_.size() - at_;
    if (good_) at_ += static_cast<std::size_t>(size);
  }
  [[nodiscard]] bool begins(std::string_view magic) const { return bytes_.substr(at_).starts_with(magic); }
  [[nodiscard]] bool good() const { return good_; }

 private:
  std::string_view bytes_;
  std::size_t at_ = 0;
  bool good_ = true;
};

struct ZoneHeader {
  std::int64_t ut = 0, standard = 0, leaps = 0, times = 0, types = 0, letters = 0;
  [[nodiscard]] bool sane() const {
    constexpr std::int64_t kMost = 10'000;
    return std::min({ut, standard, leaps, times, types, letters}) >= 0 &&
           std::max({ut, standard, leaps, times, types, letters}) <= kMost && types > 0;
  }
};

ZoneHeader read_header(ZoneBytes& in) {
  in.skip(4 + 1 + 15);
  ZoneHeader header;
  for (std::int64_t* count :
       {&header.ut, &header.standard, &header.leaps, &header.times, &header.types, &header.letters})
    *count = in.number(4);
  return header;
}

}  // namespace

tl::expected<std::vector<ZoneOffset>, std::string> parse_zone(std::string_view bytes) {
  const Failure broken(std::string("its file is no compiled time zone of version 2 or later"));
  ZoneBytes in(bytes);
  if (!in.begins("TZif")) return broken;
  const ZoneHeader old = read_header(in);
  if (!in.good() || !old.sane()) return broken;
  // The first block has 32-bit times, for readers of long ago.
  in.skip(old.times * 5 + old.types * 6 + old.letters + old.leaps * 8 + old.standard + old.ut);
  if (!in.good() || !in.begins("TZif")) return broken;
  const ZoneHeader header = read_header(in);
  if (!in.good() || !header.sane()) return broken;
  std::vector<std::int64_t> times;
  for (std::int64_t i = 0; i < header.times; ++i) times.push_back(in.number(8));
  std::vector<std::size_t> types;
  for (std::int64_t i = 0; i < header.times; ++i) types.push_back(static_cast<std::size_t>(in.number(1) & 255));
  std::vector<std::int64_t> offsets;
  for (std::int64_t i = 0; i < header.types; ++i) {
    offsets.push_back(in.number(4));
    in.skip(2);
  }
  if (!in.good()) return broken;
  std::vector<ZoneOffset> out{{WallTime{k2020 * 1000}, offsets.front()}};
  for (std::size_t i = 0; i < times.size(); ++i) {
    if (types[i] >= offsets.size() || std::abs(offsets[types[i]]) > 26 * 3600) return broken;
    if (times[i] <= k2020)
      out.front().seconds = offsets[types[i]];
    else
      out.push_back({WallTime{times[i] * 1000}, offsets[types[i]]});
  }
  return out;
}

tl::expected<Calendar, std::string> parse_when(std::string_view text, const std::string& zones) {
  Calendar calendar;
  calendar.text = text;
  const auto space = text.rfind(' ');
  if (space == std::string_view::npos) return Failure(quoted(text) + " names no hours or no time zone");
  auto offsets = offsets_of(zones, text.substr(space + 1));
  for (const auto part : parted(text.substr(0, space), ';')) {
    auto window = window_of(part);
    if (!window) return Failure(window.error());
    calendar.windows.push_back(*window);
  }
  if (!offsets) return Failure(offsets.error());
  calendar.offsets = std::move(*offsets);
  return calendar;
}

}  // namespace haven::file
