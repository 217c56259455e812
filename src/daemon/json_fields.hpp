// One description of a value's fields, used to write it as JSON and to read it back (src/daemon's own; includes
// nlohmann, so it is for few sources).
//
// Reading is strict: a missing key, a wrong type, a number out of its range, a word that is none of an enum's, a
// malformed name and a key that nobody described are all problems. The first one found is kept, with where it is.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/model/ids.hpp"
#include "core/model/units.hpp"
#include "daemon/names.hpp"

namespace haven::codec {

using Json = nlohmann::json;

template <class E>
struct Word {
  E value;
  const char* word;
};
// Specialized for each enum that is written.
template <class E>
std::span<const Word<E>> words_of();
template <class E>
const char* word_of(E value) {
  for (const auto& w : words_of<E>()) {
    if (w.value == value) return w.word;
  }
  return "";
}

// What an integer may be.
struct Range {
  std::int64_t least;
  std::int64_t most;
};
inline constexpr std::int64_t kMaxCount = std::int64_t{1} << 53;  // exact in every JSON reader
inline constexpr Range kNatural{0, kMaxCount};

class Writer {
 public:
  template <class T>
  using Ref = const T&;
  static constexpr bool kReads = false;

  template <class T>
  void field(const char* key, const T& value) {
    out_[key] = json_of(value);
  }
  // Absent where there is no value.
  template <class T>
  void field(const char* key, const std::optional<T>& value) {
    if (value) out_[key] = json_of(*value);
  }
  void number(const char* key, std::int64_t value, Range) { out_[key] = value; }
  void number(const char* key, int value, Range) { out_[key] = value; }
  // As field, but the name may be empty.
  template <class Tag>
  void maybe(const char* key, const Name<Tag>& name) {
    out_[key] = name.str();
  }
  // Places in a list, by name.
  void places(const char* key, const std::map<std::string, std::int64_t>& value) { out_[key] = value; }
  [[nodiscard]] Json take() { return std::move(out_); }

  template <class T>
  static Json json_of(const T& value);

 private:
  Json out_ = Json::object();
};

class Reader {
 public:
  template <class T>
  using Ref = T&;
  static constexpr bool kReads = true;

  Reader(const Json& in, std::string& problem) : in_(in), problem_(problem) {
    if (!in_.is_object()) fault("", "is no object");
  }

  template <class T>
  void field(const char* key, T& value) {
    if (const Json* found = need(key)) read(*found, key, value);
  }
  template <class T>
  void field(const char* key, std::optional<T>& value) {
    value.reset();
    const Json* found = find(key);
    if (found == nullptr) return;
    value.emplace();
    read(*found, key, *value);
  }
  template <class Int>
  void number(const char* key, Int& value, Range range) {
    if (const Json* found = need(key)) value = static_cast<Int>(integer(*found, key, range));
  }
  template <class Tag>
  void maybe(const char* key, Name<Tag>& name) {
    const Json* found = need(key);
    if (found == nullptr) return;
    if (found->is_string() && found->get_ref<const std::string&>().empty()) {
      name = Name<Tag>();
    } else {
      read(*found, key, name);
    }
  }
  void places(const char* key, std::map<std::string, std::int64_t>& value) {
    const Json* found = need(key);
    if (found == nullptr) return;
    if (!found->is_object()) return fault(key, "is no object");
    for (const auto& [name, element] : found->items()) value[name] = integer(element, key, kNatural);
  }
  // To be called once everything is read.
  void finish() {
    if (problem_.empty() && in_.is_object() && taken_ != in_.size()) problem_ = "a key that this version does not know";
  }
  void fault(std::string_view key, std::string_view what) {
    if (problem_.empty()) problem_ = (key.empty() ? "it" : "\"" + std::string(key) + "\"") + " " + std::string(what);
  }

 private:
  const Json* find(const char* key) {
    if (!problem_.empty()) return nullptr;
    const auto it = in_.find(key);
    if (it == in_.end()) return nullptr;
    ++taken_;
    return &*it;
  }
  const Json* need(const char* key) {
    const Json* found = find(key);
    if (found == nullptr) fault(key, "is missing");
    return found;
  }
  std::int64_t integer(const Json& in, const char* key, Range range) {
    if (!in.is_number_integer()) {
      fault(key, "is no whole number");
      return range.least;
    }
    if (in.is_number_unsigned() && in.get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX)) {
      fault(key, "is out of range");
      return range.least;
    }
    const auto value = in.get<std::int64_t>();
    if (value >= range.least && value <= range.most) return value;
    fault(key, "is out of range");
    return range.least;
  }

  void read(const Json& in, const char* key, bool& value) {
    if (in.is_boolean()) {
      value = in.get<bool>();
    } else {
      fault(key, "is neither true nor false");
    }
  }
  void read(const Json& in, const char* key, double& value) {
    if (in.is_number()) value = in.get<double>();
    if (!in.is_number() || !(value > 0)) fault(key, "is no positive number");
  }
  void read(const Json& in, const char* key, std::string& value) {
    if (in.is_string()) {
      value = in.get_ref<const std::string&>();
    } else {
      fault(key, "is no text");
    }
  }
  template <class Tag>
  void read(const Json& in, const char* key, Name<Tag>& value) {
    std::string text;
    read(in, key, text);
    if (problem_.empty() && !well_formed(Name<Tag>(text))) fault(key, "is no valid name");
    value = Name<Tag>(std::move(text));
  }
  void read(const Json& in, const char* key, Generation& value) {
    value.count = static_cast<std::uint64_t>(integer(in, key, kNatural));
  }
  void read(const Json& in, const char* key, Epoch& value) {
    value.count = static_cast<std::uint64_t>(integer(in, key, kNatural));
  }
  void read(const Json& in, const char* key, Revision& value) { value.count = integer(in, key, kNatural); }
  void read(const Json& in, const char* key, WallTime& value) {
    value.unix_ms = integer(in, key, {-kMaxCount, kMaxCount});
  }
  void read(const Json& in, const char* key, MiB& value) { value.count = integer(in, key, kNatural); }
  void read(const Json& in, const char* key, Vcpu& value) { value.count = integer(in, key, kNatural); }
  void read(const Json& in, const char* key, Duration& value) { value = Duration(integer(in, key, {0, INT64_MAX})); }
  template <class T>
  void read(const Json& in, const char* key, std::vector<T>& value) {
    value.clear();
    if (!in.is_array()) return fault(key, "is no list");
    value.reserve(in.size());
    for (const Json& element : in) {
      if (!problem_.empty()) return;
      read(element, key, value.emplace_back());
    }
  }
  template <class T>
  void read(const Json& in, const char* key, std::map<std::string, T>& value) {
    value.clear();
    if (!in.is_object()) return fault(key, "is no object");
    for (const auto& [name, element] : in.items()) {
      if (!problem_.empty()) return;
      read(element, key, value[name]);
    }
  }
  template <class T>
  void read(const Json& in, const char* key, T& value) {
    if constexpr (std::is_enum_v<T>) {
      if (in.is_string()) {
        for (const auto& w : words_of<T>()) {
          if (in.get_ref<const std::string&>() == w.word) {
            value = w.value;
            return;
          }
        }
      }
      fault(key, "is none of the words known");
    } else {
      if (!problem_.empty()) return;
      std::string problem;
      Reader inner(in, problem);
      describe(inner, value);
      inner.finish();
      if (!problem.empty()) fault(key, ": " + problem);
    }
  }

  const Json& in_;
  std::string& problem_;
  std::size_t taken_ = 0;
};

namespace written {
inline Json of(bool v) { return v; }
inline Json of(double v) { return v; }
inline Json of(const std::string& v) { return v; }
template <class Tag>
Json of(const Name<Tag>& v) {
  return v.str();
}
inline Json of(Generation v) { return v.count; }
inline Json of(Epoch v) { return v.count; }
inline Json of(Revision v) { return v.count; }
inline Json of(WallTime v) { return v.unix_ms; }
inline Json of(MiB v) { return v.count; }
inline Json of(Vcpu v) { return v.count; }
inline Json of(Duration v) { return v.count(); }
template <class T>
Json of(const std::vector<T>& v) {
  Json list = Json::array();
  for (const T& element : v) list.push_back(Writer::json_of(element));
  return list;
}
template <class T>
Json of(const std::map<std::string, T>& v) {
  Json object = Json::object();
  for (const auto& [name, element] : v) object[name] = Writer::json_of(element);
  return object;
}
template <class T>
concept Plain = requires(const T& v) {
  of(v);
};
}  // namespace written

template <class T>
Json Writer::json_of(const T& value) {
  if constexpr (std::is_enum_v<T>) {
    return word_of(value);
  } else if constexpr (written::Plain<T>) {
    return written::of(value);
  } else {
    Writer inner;
    describe(inner, value);
    return inner.take();
  }
}

}  // namespace haven::codec
