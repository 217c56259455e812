// HTTP/1.1 as a check needs it: one request, and the status and the beginning of the body of its answer. Redirects are
// answers; nobody follows them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/model/health.hpp"

namespace haven::adapter::guest {

struct HttpPlace {
  bool tls = false;
  std::string host;  // a name or a number; empty: the guest's first address
  int port = 80;
  std::string path;  // with its query
};
// Of a check that the cluster file's reader accepted.
[[nodiscard]] HttpPlace http_place(const GuestCheck& check);
[[nodiscard]] std::string http_request(const HttpPlace& place, const std::string& host);

// By its length or its chunks; an answer without either ends with the connection.
[[nodiscard]] bool http_is_whole(std::string_view heard);
// nullopt: this is no answer of HTTP.
struct HttpAnswer {
  int status = 0;
  std::string body;  // as far as it was heard, chunks put together
};
[[nodiscard]] std::optional<HttpAnswer> http_answer(std::string_view heard);
// Empty: it is as the check wants it; else what is not.
[[nodiscard]] std::string http_fault(const GuestCheck& check, const HttpAnswer& answer, bool cut_short);

}  // namespace haven::adapter::guest
