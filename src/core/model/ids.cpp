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

// Sixteen bytes, filled from the front; what does not fit is left out.
class KeyBytes {
 public:
  [[nodiscard]] bool full() const { return count_ == 16; }
  void add(unsigned char byte) {
    if (full()) return;
    std::uint64_t& word = count_ < 8 ? key_.high : key_.low;
    word |= std::uint64_t{byte} << (8 * (7 - count_ % 8));
    ++count_;
  }
  // Of two counts, the lesser comes first.
  void add_count(std::size_t count) {
    constexpr unsigned char kMore = 0xff;
    for (; count >= kMore && !full(); count -= kMore) add(kMore);
    add(static_cast<unsigned char>(count));
  }
  [[nodiscard]] NaturalKey key() const { return key_; }

 private:
  NaturalKey key_;
  unsigned count_ = 0;
};

}  // namespace

// A number is written as a digit (for its order among other characters), how many digits it has, and those.
NaturalKey natural_key(std::string_view text) {
  KeyBytes bytes;
  for (std::size_t i = 0; i < text.size() && !bytes.full();) {
    if (!is_digit(text[i])) {
      bytes.add(static_cast<unsigned char>(text[i++]));
      continue;
    }
    const auto digits = digits_at(text, i, i);
    bytes.add('0');
    bytes.add_count(digits.size());
    for (const char c : digits.substr(0, 16)) bytes.add(static_cast<unsigned char>(c));
  }
  return bytes.key();
}

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
