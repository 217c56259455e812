#include "daemon/etcd_member/witness.hpp"

#include <signal.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>

#include "daemon/etcd_member/move.hpp"
#include "daemon/etcd_member/witness_heart.hpp"
#include "daemon/log.hpp"

namespace haven::daemon {
namespace {

std::atomic<WitnessHeart*> the_heart{nullptr};  // for the signals' handler; nullptr: it ends already

extern "C" void on_ending(int) {
  const int saved = errno;
  if (WitnessHeart* heart = the_heart.load()) heart->end();
  errno = saved;
}

[[noreturn]] void die() {
  log(LogLevel::error, "havend ends: the mailbox is full: the witness's thread stands still");
  flush_log();
  std::_Exit(1);
}

WitnessHeart::Edges edges_of(LocalAlarms& alarms) {
  return {[&alarms](const std::string& key, const std::string& text) {
            alarms.set(key, text);
            if (!text.empty()) log(LogLevel::warning, text);
          },
          [](const std::string& line) { log(LogLevel::info, line); }, die};
}

std::string status_of(const WitnessHeart& heart, const LocalAlarms& alarms) {
  std::string text = "this is the cluster's witness: it votes, and runs nothing; " + heart.hears();
  for (const auto& alarm : alarms.all()) text += "; " + alarm.text;
  return text;
}

}  // namespace

OrWhy<Afterwards> serve_witness(EngineMember& member, const file::LocalConfig& config, LocalAlarms& alarms,
                                const std::string& version) {
  const auto boot = incarnation(config.run_dir);
  if (!boot) return tl::unexpected(boot.error());
  const adapter::EtcdConfig etcd{.endpoints = config.endpoints, .tls = tls_of(config)};
  // The heart outlives the engine, whose events it takes; the engine outlives the keeper, which tells it the endpoints.
  WitnessHeart heart({{config.host, *boot, config.heartbeat_key, static_cast<std::uint16_t>(config.heartbeat_port)},
                      member.address(),
                      config.cluster,
                      member.epoch().count},
                     edges_of(alarms));
  const auto engine = adapter::open_etcd_engine(etcd, heart.sink());
  if (!engine) return tl::unexpected(engine.error());
  std::atomic<Afterwards> afterwards{Afterwards::end};
  const auto go = [&](Afterwards what) {
    afterwards = what;
    heart.end();
  };
  const auto open = [&etcd](port::EngineSink sink) {
    return tl::expected<std::unique_ptr<port::Engine>, std::string>(adapter::open_etcd_engine(etcd, std::move(sink)));
  };
  member.serve({nullptr, engine->get(), open, version, go});
  auto routes = member.routes();
  routes.push_back({false, "/v1/status", [&](const Service::Query&, const std::string&, const std::string&) {
                      return error_answer(Code::refused, status_of(heart, alarms), "",
                                          "haven cluster status; haven status, on a host");
                    }});
  auto api = Api::listen(config.run_dir + "/api.sock", routes);
  if (api) {
    the_heart = &heart;
    struct sigaction action {};
    action.sa_handler = on_ending;
    for (const int signal : {SIGTERM, SIGINT, SIGPWR}) ::sigaction(signal, &action, nullptr);
    heart.run(**engine);
    the_heart = nullptr;
    api->reset();
  }
  member.stop();
  if (!api) return tl::unexpected(api.error());
  return afterwards.load();
}

}  // namespace haven::daemon
