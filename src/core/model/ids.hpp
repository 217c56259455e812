// Distinct types for distinct things: Start{ResourceName, ResourceName} does not compile.
// Names order naturally, then bytewise (h2 before h10): the order used everywhere a list of names is shown
// or a tie is broken (FORMATS, "Names").
//
// Every map of the core is ordered by names, so comparing them is most of its work. A name therefore bears the
// beginning of a key whose bytewise order is the natural one: two names differ there nearly always, or are equal.
// Rejected: to intern names (a table that the whole process shares, in a core that has no threads) or to hash them
// (maps must iterate in the order that people see).
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace haven {

// Runs of digits compare as numbers, everything else bytewise; equal that way, bytewise decides.
[[nodiscard]] std::strong_ordering natural_order(std::string_view a, std::string_view b);

// The first bytes of a text's natural key. Of two texts with different ones, the lesser comes first; equal ones say
// nothing.
struct NaturalKey {
  std::uint64_t high = 0, low = 0;
  friend auto operator<=>(const NaturalKey&, const NaturalKey&) = default;
};
[[nodiscard]] NaturalKey natural_key(std::string_view text);

template <class Tag>
class Name {
 public:
  Name() = default;
  explicit Name(std::string text) : text_(std::move(text)), key_(natural_key(text_)) {}
  [[nodiscard]] const std::string& str() const { return text_; }
  [[nodiscard]] bool empty() const { return text_.empty(); }
  friend bool operator==(const Name& a, const Name& b) { return a.key_ == b.key_ && a.text_ == b.text_; }
  friend std::strong_ordering operator<=>(const Name& a, const Name& b) {
    if (a.key_ != b.key_) return a.key_ <=> b.key_;
    if (a.text_ == b.text_) return std::strong_ordering::equal;
    return natural_order(a.text_, b.text_);
  }

 private:
  std::string text_;
  NaturalKey key_;
};

using HostName = Name<struct HostTag>;
using ResourceName = Name<struct ResourceTag>;    // an instance is web1#2
using Incarnation = Name<struct IncarnationTag>;  // one boot of one host: 32 hex digits
using Reign = Name<struct ReignTag>;              // one rule of one controller: 32 hex digits (PROTOCOL R1)

// Counts the claims of one resource; every start of a resource under a new claim has a higher one.
struct Generation {
  std::uint64_t count = 0;
  friend auto operator<=>(const Generation&, const Generation&) = default;
  [[nodiscard]] Generation next() const { return {count + 1}; }
};

// Counts how often the engine was made anew from what was left of it, or from a backup (PROTOCOL E3). Whoever knows a
// higher one does not act on what an engine of a lower one says.
struct Epoch {
  std::uint64_t count = 0;
  friend auto operator<=>(const Epoch&, const Epoch&) = default;
};

// The engine's own count of commits. A key's mod revision is that of the commit that last wrote it; 0: no such key.
struct Revision {
  std::int64_t count = 0;
  friend auto operator<=>(const Revision&, const Revision&) = default;
};

// A lease of the engine. 0: none (the key lives until it is deleted).
struct LeaseId {
  std::int64_t id = 0;
  friend auto operator<=>(const LeaseId&, const LeaseId&) = default;
};

// Ties a reply to what was asked. Unique within one run of one havend.
struct CallId {
  std::uint64_t count = 0;
  friend auto operator<=>(const CallId&, const CallId&) = default;
};

}  // namespace haven

template <class Tag>
struct std::hash<haven::Name<Tag>> {
  std::size_t operator()(const haven::Name<Tag>& n) const noexcept { return std::hash<std::string>{}(n.str()); }
};
