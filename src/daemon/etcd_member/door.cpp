#include "daemon/etcd_member/door.hpp"

#include <arpa/inet.h>
#include <httplib.h>
#include <netdb.h>
#include <sys/socket.h>

#include <atomic>
#include <thread>
#include <utility>

#include "adapter/descriptor.hpp"
#include "daemon/bounded_pool.hpp"
#include "daemon/etcd_member/member_file.hpp"

namespace haven::daemon {
namespace {

constexpr time_t kReadTimeout_s = 5;
constexpr std::size_t kThreads = 2;  // nobody waits here for long, and strangers must not take more of havend
constexpr std::size_t kMostWaiting = 16;

std::pair<std::string, int> split(const std::string& at) {
  const auto colon = at.rfind(':');
  std::string host = at.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  return {host, std::atoi(at.substr(colon + 1).c_str())};
}

}  // namespace

struct Door::Inside {
  httplib::Server server;
  std::atomic<bool> ended{false};
  std::thread thread;
};

Door::Door(std::unique_ptr<Inside> inside) : inside_(std::move(inside)) {}

OrWhy<std::unique_ptr<Door>> Door::open(const std::string& at, Answer answer) {
  auto inside = std::make_unique<Inside>();
  auto& server = inside->server;
  server.new_task_queue = [] { return new BoundedPool(kThreads, kMostWaiting); };
  server.set_payload_max_length(kMostBytes);
  server.set_keep_alive_max_count(1);
  server.set_read_timeout(kReadTimeout_s);
  server.set_write_timeout(kReadTimeout_s);
  server.Post(R"(/v1/\w+)", [answer = std::move(answer)](const httplib::Request& q, httplib::Response& r) {
    const std::string body = answer(q.path, q.body);
    r.status = body.empty() ? 404 : 200;
    r.set_content(body, "application/json");
  });
  server.set_exception_handler(
      [](const httplib::Request&, httplib::Response& r, const std::exception_ptr&) { r.status = 500; });
  const auto [host, port] = split(at);
  if (!server.bind_to_port(host, port)) return tl::unexpected("other hosts cannot be listened for at " + at);
  inside->thread = std::thread([inside = inside.get()] {
    inside->server.listen_after_bind();
    inside->ended = true;
  });
  return std::unique_ptr<Door>(new Door(std::move(inside)));
}

Door::~Door() {
  // stop() does nothing before the thread has begun to serve.
  while (!inside_->server.is_running() && !inside_->ended) std::this_thread::yield();
  inside_->server.stop();
  inside_->thread.join();
}

OrWhy<std::string> Door::knock(const std::string& at, const std::string& path, const std::string& body,
                               Duration timeout) {
  const auto [host, port] = split(at);
  httplib::Client client(host, port);
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(timeout).count();
  client.set_connection_timeout(us / 1000000, us % 1000000);
  client.set_read_timeout(us / 1000000, us % 1000000);
  const auto result = client.Post(path, body, "application/json");
  if (!result) return tl::unexpected(at + " does not answer: " + httplib::to_string(result.error()));
  if (result->status != 200) return tl::unexpected(at + " does not know what it was asked");
  return result->body;
}

std::string with_port(const std::string& at) {
  const auto colons = std::count(at.begin(), at.end(), ':');
  if (at.starts_with("[")) return at.ends_with("]") ? at + ":" + std::to_string(kDoorPort) : at;
  return colons == 1 ? at : host_and_port(at, kDoorPort);
}

std::string host_of(const std::string& at) { return split(at).first; }

std::string own_address_towards(const std::string& at) {
  const auto [host, port] = split(at);
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) return {};
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, ::freeaddrinfo);
  const adapter::Descriptor socket(::socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_storage own{};
  socklen_t size = sizeof own;
  char text[NI_MAXHOST] = "";
  // A datagram socket that is connected sends nothing; it only learns its way.
  const bool known =
      socket && ::connect(socket.get(), found->ai_addr, found->ai_addrlen) == 0 &&
      ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&own), &size) == 0 &&
      ::getnameinfo(reinterpret_cast<sockaddr*>(&own), size, text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0;
  return known ? std::string(text) : std::string();
}

}  // namespace haven::daemon
