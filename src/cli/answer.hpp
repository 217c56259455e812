// What stands in an answer of havend. What is not there, or is of another kind, reads as nothing: an older havend may
// answer.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

namespace haven::cli {

using Json = nlohmann::json;

[[nodiscard]] inline std::string text(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}
[[nodiscard]] inline std::int64_t number(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_number() ? it->get<std::int64_t>() : 0;
}
[[nodiscard]] inline bool is_true(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_boolean() && it->get<bool>();
}
[[nodiscard]] inline const Json& list(const Json& object, const char* key) {
  static const Json kNone = Json::array();
  const auto it = object.find(key);
  return it != object.end() && it->is_array() ? *it : kNone;
}

}  // namespace haven::cli
