#include "daemon/api.hpp"

#include <grp.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

#include "daemon/bounded_pool.hpp"
#include "daemon/peer_server.hpp"

namespace haven::daemon {
namespace {

Service::Query query_of(const httplib::Request& request) {
  Service::Query query;
  for (const auto& [key, value] : request.params) query.emplace(key, value);
  return query;
}

void give(httplib::Response& response, const Answer& answer) {
  response.status = static_cast<int>(answer.code);
  response.set_content(answer.body, "application/json");
}

void route(httplib::Server& server, Service& service) {
  using Request = httplib::Request;
  using Response = httplib::Response;
  server.Get("/v1/status", [&](const Request&, Response& r) { give(r, service.status()); });
  server.Get("/v1/journal", [&](const Request& q, Response& r) { give(r, service.journal(query_of(q))); });
  server.Get("/v1/explain", [&](const Request& q, Response& r) { give(r, service.explain(query_of(q))); });
  server.Get("/v1/maintenance", [&](const Request& q, Response& r) { give(r, service.maintenance(query_of(q))); });
  server.Get("/v1/spec", [&](const Request&, Response& r) { give(r, service.spec()); });
  server.Get("/v1/domain", [&](const Request& q, Response& r) { give(r, service.domain(query_of(q))); });
  server.Post("/v1/apply", [&](const Request& q, Response& r) { give(r, service.apply(q.body, q.remote_addr)); });
  server.Post("/v1/replace", [&](const Request& q, Response& r) { give(r, service.replace(q.body, q.remote_addr)); });
  server.Post("/v1/replace/end",
              [&](const Request& q, Response& r) { give(r, service.end_replacement(q.body, q.remote_addr)); });
  server.Post("/v1/operator", [&](const Request& q, Response& r) { give(r, service.operate(q.body, q.remote_addr)); });
}

void route(httplib::Server& server, const Route& route) {
  const auto answer = [route](const httplib::Request& q, httplib::Response& r) {
    give(r, route.answer(query_of(q), q.body, q.remote_addr));
  };
  if (route.post) {
    server.Post(route.path, answer);
  } else {
    server.Get(route.path, answer);
  }
}

void answer_errors(httplib::Server& server) {
  using Request = httplib::Request;
  using Response = httplib::Response;
  server.set_error_handler([](const Request& q, Response& r) {
    if (!r.body.empty()) return;
    const int status = r.status;
    const bool unknown = status == 404;
    give(r, error_answer(unknown ? Code::not_found : Code::bad_request,
                         unknown         ? "no such place"
                         : status == 413 ? "the request is too large"
                                         : "no valid request",
                         q.path,
                         unknown ? "/v1/status, /v1/journal, /v1/explain, /v1/maintenance, /v1/spec, /v1/domain, "
                                   "/v1/apply, /v1/replace, /v1/operator, /v1/cluster/…"
                                 : ""));
    r.status = status;
  });
  // An exception here is a defect of ours; the one who asked is told so, and havend lives on.
  server.set_exception_handler([](const Request& q, Response& r, const std::exception_ptr&) {
    give(r, error_answer(Code::unavailable, "havend failed on this request", q.path, ""));
    r.status = 500;
  });
}

}  // namespace

struct Api::Inside {
  PeerServer server;
  std::atomic<bool> ended{false};
  std::thread thread;
  std::string path;
};

Api::Api(std::unique_ptr<Inside> inside) : inside_(std::move(inside)) {}

tl::expected<std::unique_ptr<Api>, std::string> Api::listen(const std::string& path, Service& service,
                                                            const std::vector<Route>& more) {
  auto inside = std::make_unique<Inside>();
  route(inside->server, service);
  for (const Route& one : more) route(inside->server, one);
  return serve(std::move(inside), path);
}

tl::expected<std::unique_ptr<Api>, std::string> Api::listen(const std::string& path, const std::vector<Route>& routes) {
  auto inside = std::make_unique<Inside>();
  for (const Route& one : routes) route(inside->server, one);
  return serve(std::move(inside), path);
}

tl::expected<std::unique_ptr<Api>, std::string> Api::serve(std::unique_ptr<Inside> inside, const std::string& path) {
  if (path.size() >= sizeof(sockaddr_un::sun_path)) return tl::unexpected(path + ": too long for a socket");
  inside->path = path;
  httplib::Server& server = inside->server;
  server.set_address_family(AF_UNIX);
  server.new_task_queue = [] { return new BoundedPool(kThreads, kMostWaiting); };
  server.set_payload_max_length(kMostBytes);
  answer_errors(server);
  ::unlink(path.c_str());
  if (!server.bind_to_port(path, 80)) return tl::unexpected(path + ": " + std::strerror(errno));
  // Between bind and here the usual umask lets nobody but root connect.
  const group* haven = ::getgrnam("haven");
  if ((haven != nullptr && ::chown(path.c_str(), static_cast<uid_t>(-1), haven->gr_gid) < 0) ||
      ::chmod(path.c_str(), 0660) < 0) {
    return tl::unexpected(path + ": " + std::strerror(errno));
  }
  inside->thread = std::thread([inside = inside.get()] {
    inside->server.listen_after_bind();
    inside->ended = true;
  });
  return std::unique_ptr<Api>(new Api(std::move(inside)));
}

Api::~Api() {
  // stop() does nothing before the thread has begun to serve.
  while (!inside_->server.is_running() && !inside_->ended) std::this_thread::yield();
  inside_->server.stop();
  inside_->thread.join();
  ::unlink(inside_->path.c_str());
}

}  // namespace haven::daemon
