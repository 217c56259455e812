// A whole havend but for its adapters to libvirt and fence agents: the embedded engine on a real file, the API on a
// real socket. Used in the test's own process, and by a program that is killed.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "adapter/sqlite/sqlite_engine.hpp"
#include "daemon/api.hpp"
#include "daemon/boot.hpp"
#include "daemon/fakes.hpp"
#include "daemon/runtime.hpp"
#include "daemon/service.hpp"

namespace haven::test {

class Daemon {
 public:
  // `die` is called with the reason, and must not return.
  Daemon(const std::string& folder, const std::function<void(const std::string&)>& die)
      : folder_(folder),
        mailbox_(std::make_shared<daemon::Mailbox>([die] { die("full"); })),
        own_(std::make_shared<daemon::OwnCalls>()) {
    for (const char* name : {"/run", "/state"}) (void)daemon::make_folder(folder + name, 0700);
    NodeConfig node;
    node.host = HostName("h1");
    node.incarnation = *daemon::incarnation(run_dir());
    node.machine = {"machine", "dmi"};
    node.cpu = {4};
    node.memory = {4096};
    node.released = *daemon::noted_releases(run_dir());
    node.seed = 1;
    engine_ = std::move(*adapter::open_sqlite_engine(folder + "/state/haven.db", daemon::engine_sink(mailbox_, own_)));
    hypervisor = std::make_unique<FolderHypervisor>(folder + "/vms", daemon::hypervisor_sink(mailbox_, own_));
    fence = std::make_unique<ObedientFence>(daemon::fence_sink(mailbox_));
    storage = std::make_unique<HealthyStorage>(daemon::storage_sink(mailbox_));
    daemon::Edges edges{*engine_,
                        *hypervisor,
                        *fence,
                        *storage,
                        run_dir(),
                        [this](std::uint64_t id, bool allow, const std::string& reason) {
                          hook_answers.emplace_back(id, allow, reason);
                          return true;
                        },
                        [this](const daemon::Protected& wanted) -> tl::expected<void, std::string> {
                          published = wanted.uuids;
                          return {};
                        },
                        [this](bool, const std::string& line) { said.push_back(line); },
                        [](const auto&) { return std::vector<std::string>{}; },
                        [this](CallId call, Duration) {
                          mailbox_->post(port::HypervisorEvent(port::CallDone{call, port::CallResult::done, ""}));
                        },
                        [die] { die("reboot"); },
                        die};
    runtime = std::make_unique<daemon::Runtime>(node, mailbox_, own_, std::move(edges), "",
                                                std::vector<std::string>{uuid_of(9)});
    Host here;
    here.name = node.host;
    here.cpu = node.cpu;
    here.memory = node.memory;
    applier = std::make_unique<daemon::Applier>(*runtime, *fence, here, true);
    service =
        std::make_unique<daemon::Service>(*runtime, *applier, alarms, node.host, true, [](const std::string& name) {
          return name == "web7" ? tl::expected<std::string, std::string>(domain_xml(7))
                                : tl::unexpected(std::string("Domain not found"));
        });
    auto listening = daemon::Api::listen(socket(), *service);
    if (!listening) throw std::runtime_error(listening.error());
    api = std::move(*listening);
  }
  [[nodiscard]] std::string run_dir() const { return folder_ + "/run"; }
  [[nodiscard]] std::string socket() const { return run_dir() + "/api.sock"; }
  daemon::Mailbox& mailbox() { return *mailbox_; }
  port::Engine& engine() { return *engine_; }

 private:
  std::string folder_;
  std::shared_ptr<daemon::Mailbox> mailbox_;
  std::shared_ptr<daemon::OwnCalls> own_;
  std::unique_ptr<port::Engine> engine_;

 public:
  std::unique_ptr<FolderHypervisor> hypervisor;
  std::unique_ptr<ObedientFence> fence;
  std::unique_ptr<HealthyStorage> storage;
  // Of the thread that thinks.
  std::vector<std::tuple<std::uint64_t, bool, std::string>> hook_answers;
  std::vector<std::string> published;
  std::vector<std::string> said;

  daemon::LocalAlarms alarms;
  std::unique_ptr<daemon::Runtime> runtime;
  std::unique_ptr<daemon::Applier> applier;
  std::unique_ptr<daemon::Service> service;
  std::unique_ptr<daemon::Api> api;
};

// Runs in the test's process until the end of the object.
class RunningDaemon : public Daemon {
 public:
  explicit RunningDaemon(const std::string& folder)
      : Daemon(folder, [](const std::string& why) { throw std::runtime_error(why); }),
        thread_([this] { runtime->run(); }) {}
  ~RunningDaemon() { stop(); }
  // A planned stop; the API goes with it.
  void stop() {
    if (!thread_.joinable()) return;
    runtime->ask_shutdown(ShutdownKind::restart);
    thread_.join();
    service->stop();
    api.reset();
  }

 private:
  std::thread thread_;
};

}  // namespace haven::test
