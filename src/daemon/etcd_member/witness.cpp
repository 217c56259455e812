#include "daemon/etcd_member/witness.hpp"

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

namespace haven::daemon {
namespace {

int bell = -1;  // eventfd, for the signals' handler

void ring() {
  const std::uint64_t one = 1;
  (void)!::write(bell, &one, sizeof one);
}

extern "C" void on_ending(int) {
  const int saved = errno;
  ring();
  errno = saved;
}

}  // namespace

OrWhy<Afterwards> serve_witness(EngineMember& member, const file::LocalConfig& config, const std::string& version) {
  bell = ::eventfd(0, EFD_CLOEXEC);
  std::atomic<Afterwards> afterwards{Afterwards::end};
  const auto go = [&](Afterwards what) {
    afterwards = what;
    ring();
  };
  const auto open = [&config](port::EngineSink sink) {
    adapter::EtcdConfig etcd{.endpoints = config.endpoints, .tls = {}};
    if (config.tls) etcd.tls = adapter::EtcdTls{config.tls->ca, config.tls->cert, config.tls->key};
    return tl::expected<std::unique_ptr<port::Engine>, std::string>(adapter::open_etcd_engine(etcd, std::move(sink)));
  };
  member.serve({nullptr, nullptr, open, version, go});
  auto routes = member.routes();
  routes.push_back({false, "/v1/status", [](const Service::Query&, const std::string&, const std::string&) {
                      return error_answer(Code::refused, "this is the cluster's witness: it votes, and runs nothing",
                                          "", "haven cluster status; haven status, on a host");
                    }});
  auto api = Api::listen(config.run_dir + "/api.sock", routes);
  if (!api) return tl::unexpected(api.error());
  struct sigaction action {};
  action.sa_handler = on_ending;
  for (const int signal : {SIGTERM, SIGINT, SIGPWR}) ::sigaction(signal, &action, nullptr);
  std::uint64_t rung = 0;
  while (::read(bell, &rung, sizeof rung) < 0 && errno == EINTR) {
  }
  api->reset();
  member.stop();
  return afterwards.load();
}

}  // namespace haven::daemon
