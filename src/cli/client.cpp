#include "cli/client.hpp"

#include <httplib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>

#include "adapter/descriptor.hpp"

namespace haven::cli {
namespace {

// Longer than havend may take: an apply tries every fence agent.
constexpr time_t kAnswerWithin_s = 120;

// httplib says only that it did not work; the socket itself says why.
std::string why_unreachable(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return "the path is too long for a socket";
  std::memcpy(address.sun_path, path.c_str(), path.size());
  const adapter::Descriptor havend(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!havend) return std::strerror(errno);
  const int result = ::connect(havend.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  return result == 0 ? "it did not answer" : std::strerror(errno);
}

tl::expected<Json, Trouble> read(const httplib::Result& result, const std::string& socket) {
  if (!result) {
    Trouble nobody = trouble(kNotAsWished, "havend does not answer: " + why_unreachable(socket), socket,
                             "a running havend, and the right to talk to it (root, or the group haven)");
    nobody.unreachable = true;
    return tl::unexpected(std::move(nobody));
  }
  Json json = Json::parse(result->body, nullptr, false);
  if (json.is_object() && json.contains("data")) return json["data"];
  if (!json.is_object() || !json.contains("error")) {
    return tl::unexpected(
        trouble(kNotAsWished, "havend's answer cannot be read", socket, "haven and havend of one version"));
  }
  const bool input = result->status == 400 || result->status == 422;
  return tl::unexpected(Trouble{input ? kBadInput : kNotAsWished, std::move(json), result->status == 503});
}

httplib::Client connect(const std::string& socket) {
  httplib::Client client(socket);
  client.set_address_family(AF_UNIX);
  client.set_default_headers({{"Host", "localhost"}});
  client.set_read_timeout(kAnswerWithin_s);
  return client;
}

}  // namespace

Trouble trouble(int exit_code, const std::string& what, const std::string& where, const std::string& wanted) {
  return {exit_code, Json{{"error", {{"what", what}, {"where", where}, {"wanted", wanted}}}}, false};
}

tl::expected<Json, Trouble> Client::get(const std::string& path,
                                        const std::map<std::string, std::string>& query) const {
  httplib::Params params;
  for (const auto& [key, value] : query) params.emplace(key, value);
  auto client = connect(socket_);
  return read(client.Get(httplib::append_query_params(path, params)), socket_);
}

tl::expected<Json, Trouble> Client::post(const std::string& path, const Json& body) const {
  auto client = connect(socket_);
  return read(client.Post(path, body.dump(-1, ' ', false, Json::error_handler_t::replace), "application/json"),
              socket_);
}

}  // namespace haven::cli
