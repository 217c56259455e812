// How the API's answers are put together; for the sources of services.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "daemon/service.hpp"

namespace haven::daemon::service_words {

using Json = nlohmann::json;

inline Answer data(Json json) {
  return {Code::ok, Json{{"data", std::move(json)}}.dump(-1, ' ', false, Json::error_handler_t::replace)};
}
inline Answer refused(const std::string& what, const std::string& wanted) {
  return error_answer(Code::refused, what, "", wanted);
}
inline Answer bad_input(const std::string& what, const std::string& wanted) {
  return error_answer(Code::bad_input, what, "", wanted);
}
inline Answer no_request(const std::string& wanted) {
  return error_answer(Code::bad_request, "no such request", "", wanted);
}
// nullopt: no JSON object.
inline std::optional<Json> object(const std::string& body) {
  Json json = Json::parse(body, nullptr, false);
  return json.is_object() ? std::optional(std::move(json)) : std::nullopt;
}
// Empty: absent, or no text.
inline std::string text_of(const Json& json, const char* key) {
  const auto it = json.find(key);
  return it != json.end() && it->is_string() ? it->get<std::string>() : std::string();
}
// Short enough for a record.
inline std::string asked_by(const Json& json, const std::string& who) {
  return said_by(who, text_of(json, "by")).substr(0, 64);
}
inline bool flag_of(const Json& json, const char* key) {
  const auto it = json.find(key);
  return it != json.end() && it->is_boolean() && it->get<bool>();
}

}  // namespace haven::daemon::service_words
