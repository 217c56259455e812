#include "adapter/guest/http.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace haven::adapter::guest {
namespace {

constexpr std::string_view kHeadEnd = "\r\n\r\n";

bool same_word(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](unsigned char x, unsigned char y) {
           return std::tolower(x) == std::tolower(y);
         });
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

std::string_view header(std::string_view head, std::string_view name) {
  while (!head.empty()) {
    const auto end = std::min(head.find('\n'), head.size());
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(std::min(end + 1, head.size()));
    const auto colon = line.find(':');
    if (colon != std::string_view::npos && same_word(trimmed(line.substr(0, colon)), name))
      return trimmed(line.substr(colon + 1));
  }
  return {};
}

template <class Number>
std::optional<Number> number(std::string_view text, int base = 10) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end == text.data()) return std::nullopt;
  return value;
}

struct Parts {
  std::string_view head, body;
};
std::optional<Parts> split(std::string_view heard) {
  const auto end = heard.find(kHeadEnd);
  if (end == std::string_view::npos) return std::nullopt;
  return Parts{heard.substr(0, end), heard.substr(end + kHeadEnd.size())};
}

// Puts the chunks together; true: the last one has come.
bool unchunked(std::string_view body, std::string& whole) {
  for (;;) {
    const auto line_end = body.find("\r\n");
    if (line_end == std::string_view::npos) return false;
    const auto size = number<std::size_t>(body.substr(0, line_end), 16);
    if (!size) return true;  // no chunk: nothing more can be made of it
    if (*size == 0) return true;
    body.remove_prefix(line_end + 2);
    whole.append(body.substr(0, *size));
    if (body.size() < *size || body.size() - *size < 2) return false;
    body.remove_prefix(*size + 2);
  }
}

bool is_chunked(std::string_view head) { return same_word(header(head, "transfer-encoding"), "chunked"); }

int status_of(std::string_view head) {
  if (!head.starts_with("HTTP/1.") || head.size() < 12 || head[8] != ' ') return 0;
  return number<int>(head.substr(9, 3)).value_or(0);
}

}  // namespace

HttpPlace http_place(const GuestCheck& check) {
  HttpPlace place;
  std::string_view rest = check.url;
  if (rest.starts_with("/")) {
    place.host = check.address;
    if (check.port != 0) place.port = check.port;
    place.path = rest;
    return place;
  }
  place.tls = rest.starts_with("https://");
  place.port = place.tls ? 443 : 80;
  rest.remove_prefix(place.tls ? 8 : 7);
  const auto slash = std::min(rest.find_first_of("/?#"), rest.size());
  std::string_view authority = rest.substr(0, slash);
  place.path = rest.substr(slash);
  if (place.path.empty() || place.path.front() != '/') place.path.insert(0, "/");
  place.path = place.path.substr(0, place.path.find('#'));
  const bool bracketed = authority.starts_with("[") && authority.find(']') != std::string_view::npos;
  const auto host_end = bracketed ? authority.find(']') + 1 : std::min(authority.rfind(':'), authority.size());
  place.host = bracketed ? authority.substr(1, host_end - 2) : authority.substr(0, host_end);
  if (host_end < authority.size() && authority[host_end] == ':')
    place.port = number<int>(authority.substr(host_end + 1)).value_or(place.port);
  return place;
}

std::string http_request(const HttpPlace& place, const std::string& host) {
  const std::string shown = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return "GET " + place.path + " HTTP/1.1\r\nHost: " + shown + ":" + std::to_string(place.port) +
         "\r\nUser-Agent: haven\r\nAccept: */*\r\nConnection: close\r\n\r\n";
}

bool http_is_whole(std::string_view heard) {
  const auto parts = split(heard);
  if (!parts) return false;
  const int status = status_of(parts->head);
  if (status < 200) return status == 0;  // what is no HTTP ends here
  if (status == 204 || status == 304) return true;
  if (is_chunked(parts->head)) {
    std::string ignored;
    return unchunked(parts->body, ignored);
  }
  const auto length = number<std::size_t>(header(parts->head, "content-length"));
  return length && parts->body.size() >= *length;
}

std::optional<HttpAnswer> http_answer(std::string_view heard) {
  const auto parts = split(heard);
  if (!parts) return std::nullopt;
  HttpAnswer answer;
  answer.status = status_of(parts->head);
  if (answer.status < 100) return std::nullopt;
  if (is_chunked(parts->head))
    (void)unchunked(parts->body, answer.body);
  else
    answer.body = parts->body;
  return answer;
}

std::string http_fault(const GuestCheck& check, const HttpAnswer& answer, bool cut_short) {
  const bool right = check.status != 0 ? answer.status == check.status : answer.status >= 200 && answer.status < 400;
  if (!right) return "it answers with status " + std::to_string(answer.status);
  if (check.contains.empty() || answer.body.find(check.contains) != std::string::npos) return "";
  return std::string("its answer does not contain the text that is wanted") +
         (cut_short ? ", in the part of it that is read" : "");
}

}  // namespace haven::adapter::guest
