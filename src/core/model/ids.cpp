#include "core/model/ids.hpp"

namespace haven {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The run of digits that starts at `at`, without its leading zeros.
std::string_view digits_at(std::string_view s, std::size_t at, std::size_t& end) {
  end = at;
  while (end < s.size() && is_digit(s[end])) ++end;
  while (at + 1 < end && s[at] == '0') ++at;
  return s.substr(at, end - at);
}

}  // namespace

std::strong_ordering natural_order(std::string_view a, std::string_view b) {
  std::size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (is_digit(a[i]) && is_digit(b[j])) {
      const auto x = digits_at(a, i, i);
      const auto y = digits_at(b, j, j);
      if (x.size() != y.size()) return x.size() <=> y.size();
      if (const int c = x.compare(y); c != 0) return c <=> 0;
    } else {
      if (a[i] != b[j]) return static_cast<unsigned char>(a[i]) <=> static_cast<unsigned char>(b[j]);
      ++i, ++j;
    }
  }
  if (a.size() - i != b.size() - j) return (a.size() - i) <=> (b.size() - j);
  return a.compare(b) <=> 0;
}

}  // namespace haven
