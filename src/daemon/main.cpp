#include <semaphore.h>
#include <signal.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <thread>
#include <utility>

#include "adapter/etcd/etcd_engine.hpp"
#include "adapter/fence_agent/fence_agents.hpp"
#include "adapter/guest/guest_probes.hpp"
#include "adapter/guest/libvirt_edges.hpp"
#include "adapter/heartbeat/heart.hpp"
#include "adapter/libvirt/caps.hpp"
#include "adapter/libvirt/host.hpp"
#include "adapter/libvirt/hypervisor.hpp"
#include "adapter/libvirt/portability.hpp"
#include "adapter/libvirt/service.hpp"
#include "adapter/load/meter.hpp"
#include "adapter/network/uplinks.hpp"
#include "adapter/sqlite/sqlite_engine.hpp"
#include "adapter/storage/local_paths.hpp"
#include "adapter/systemd/shutdown.hpp"
#include "adapter/watchdog/device_watchdog.hpp"
#include "core/gauges.hpp"
#include "daemon/alarm_watch.hpp"
#include "daemon/api.hpp"
#include "daemon/boot.hpp"
#include "daemon/check_rounds.hpp"
#include "daemon/chores.hpp"
#include "daemon/disarm.hpp"
#include "daemon/etcd_member/engine_member.hpp"
#include "daemon/etcd_member/move.hpp"
#include "daemon/etcd_member/witness.hpp"
#include "daemon/log.hpp"
#include "daemon/runtime.hpp"
#include "daemon/sendings.hpp"
#include "daemon/service.hpp"
#include "daemon/service_manager.hpp"
#include "daemon/upkeep.hpp"
#include "file/local_config.hpp"
#include "hook/paths.hpp"
#include "hook/protected_list.hpp"
#include "hook/server.hpp"

namespace haven::daemon {
namespace {

constexpr int kBadInput = 2;
constexpr const char* kAgentsFolder = "/usr/sbin";
constexpr const char* kKeptWatchdog = "watchdog";  // in the service manager
constexpr Duration kCapacityTimeout = 5s;
// At a host's boot libvirtd starts beside havend; its word is worth waiting for once, then the kernel's own has to do.
constexpr Duration kFirstLibvirtWait = 10s;
constexpr auto kLibvirtPoll = std::chrono::milliseconds(200);
constexpr Duration kAutostartTimeout = 20s;
constexpr Duration kCapsTimeout = 20s;
constexpr Duration kDescribeTimeout = 5s;
constexpr Duration kCountersTimeout = 4s;  // before the next are asked for
constexpr Duration kFitnessTimeout = 6s;
constexpr Duration kLoadInterval = 1s;
constexpr Duration kShutdownKindTimeout = 2s;

Runtime* the_runtime = nullptr;  // for the signals' handler

sem_t host_goes_down;  // posted by the signals' handler

extern "C" void on_signal(int signal) {
  const int saved = errno;
  if (the_runtime != nullptr && signal == SIGPWR) {
    the_runtime->expect_host_shutdown();
    ::sem_post(&host_goes_down);
  } else if (the_runtime != nullptr) {
    the_runtime->ask_shutdown(ShutdownKind::restart);
  }
  errno = saved;
}

// shutdown_policy = "conditional" wants to know whether the host comes back at once; that takes a question to systemd.
void await_host_shutdown(Runtime& runtime) {
  std::thread([&runtime] {
    while (::sem_wait(&host_goes_down) != 0) {
    }
    runtime.ask_shutdown(systemd::shutdown_under_way("/usr/bin/systemctl", kShutdownKindTimeout));
  }).detach();
}

void handle_signals(Runtime& runtime) {
  the_runtime = &runtime;
  ::sem_init(&host_goes_down, 0, 0);
  await_host_shutdown(runtime);
  struct sigaction action {};
  action.sa_handler = on_signal;
  for (const int signal : {SIGTERM, SIGINT, SIGPWR}) ::sigaction(signal, &action, nullptr);
}

[[noreturn]] void die(const std::string& why) {
  log(LogLevel::error, "havend ends: " + why);
  flush_log();
  std::_Exit(1);
}

[[noreturn]] void reboot_now() {
  flush_log();
  ::reboot(RB_AUTOBOOT);
  die("the reboot was refused; this host is proved dead and must not go on");
}

// The core has one restart under way at a time, so there is one such thread.
void restart_libvirt(const std::shared_ptr<Mailbox>& mailbox, CallId call, Duration timeout) {
  std::thread([mailbox, call, timeout] {
    const auto done = libvirt::restart_service(libvirt::restart_command(), timeout);
    const port::CallDone answer{call, done ? port::CallResult::done : port::CallResult::failed,
                                done ? std::string() : done.error()};
    mailbox->post(port::HypervisorEvent(answer));
  }).detach();
}

LogLevel level_of(file::LogLevel level) {
  switch (level) {
    case file::LogLevel::debug:
      return LogLevel::debug;
    case file::LogLevel::info:
      return LogLevel::info;
    case file::LogLevel::warning:
      return LogLevel::warning;
    case file::LogLevel::error:
      return LogLevel::error;
  }
  return LogLevel::info;
}

OrWhy<file::LocalConfig> load_config(const std::string& path) {
  const auto text = read_file(path);
  if (!text) return tl::unexpected(text.error());
  auto config = file::parse_local_config(*text, path);
  if (config) return *config;
  std::string lines;
  for (const auto& error : config.error()) lines += (lines.empty() ? "" : "\n") + file::to_string(error);
  return tl::unexpected(lines);
}

// What this host has. On a first boot libvirtd may still be on its way.
OrWhy<NodeConfig> node_config(const file::LocalConfig& config) {
  NodeConfig node;
  node.host = config.host;
  const auto id = incarnation(config.run_dir);
  if (!id) return tl::unexpected(id.error());
  node.incarnation = *id;
  auto notes = noted_releases(config.run_dir);
  if (!notes) return tl::unexpected(notes.error());
  node.released = std::move(*notes);
  auto promise = noted_promise(config.run_dir);
  if (!promise) return tl::unexpected(promise.error());
  node.promise = *promise;
  node.seed = std::stoull(random_id().substr(0, 16), nullptr, 16);

  const bool first = ::access((config.run_dir + "/machine").c_str(), F_OK) != 0;
  const auto give_up = std::chrono::steady_clock::now() + (first ? kFirstLibvirtWait : Duration(0));
  auto capacity = libvirt::host_capacity({}, kCapacityTimeout);
  while (!capacity && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::sleep_for(kLibvirtPoll);
    capacity = libvirt::host_capacity({}, kCapacityTimeout);
  }
  if (capacity) {
    node.cpu = capacity->cpus;
    node.memory = capacity->memory;
  } else {
    log(LogLevel::warning, "libvirt does not say what this host has: " + capacity.error());
    node.cpu = {::sysconf(_SC_NPROCESSORS_ONLN)};
    node.memory = {::sysconf(_SC_PHYS_PAGES) / 1024 * ::sysconf(_SC_PAGESIZE) / 1024};
  }
  auto machine = machine_identity(config.run_dir, capacity ? capacity->uuid : std::string());
  if (!machine) return tl::unexpected(machine.error());
  node.machine = *machine;
  return node;
}

OrWhy<std::unique_ptr<port::Engine>> open_engine(const file::LocalConfig& config, port::EngineSink sink) {
  if (config.engine == file::EngineKind::embedded) {
    return adapter::open_sqlite_engine(config.state_dir + "/haven.db", std::move(sink));
  }
  return adapter::open_etcd_engine({.endpoints = config.endpoints, .tls = tls_of(config)}, std::move(sink));
}

Upkeep::Edges upkeep_edges(const file::LocalConfig& config) {
  Upkeep::Edges edges;
  edges.keep_list = [path = config.state_dir + "/protected"](const auto& uuids) {
    return hook::write_protected(path, uuids);
  };
  edges.autostart_off = [](const auto& uuids, const auto& remember) {
    return libvirt::turn_autostart_off({}, uuids, remember, kAutostartTimeout);
  };
  edges.say = [](const std::string& line) { log(LogLevel::info, line); };
  return edges;
}

adapter::HeartConfig heart_config(const file::LocalConfig& config, const Incarnation& boot) {
  return {config.host, boot, config.heartbeat_key, static_cast<std::uint16_t>(config.heartbeat_port)};
}

// How busy this host is, as the kernel counts it; /proc is memory, not a disk.
Load load_now() {
  double average = 0;
  if (::getloadavg(&average, 1) != 1) return Load::idle;
  const auto cpus = static_cast<double>(std::max(1U, std::thread::hardware_concurrency()));
  if (average < cpus / 2) return Load::idle;
  return average < 2 * cpus ? Load::busy : Load::full;
}

// What this host has done since it started, and each of its guests.
class LoadReader {
 public:
  std::optional<adapter::Reading> operator()() {
    auto guests = libvirt::domain_counters({}, kCountersTimeout);
    const auto host = adapter::read_kernel({});
    tell(!guests ? guests.error() : host ? "" : "the kernel tells nothing of its processors or its memory");
    if (!guests || !host) return std::nullopt;
    return adapter::Reading{read_clocks().mono, *host, std::move(*guests)};
  }

 private:
  // Once for each cause.
  void tell(const std::string& trouble) {
    if (trouble != trouble_ && !trouble.empty()) log(LogLevel::warning, "no load is measured: " + trouble);
    trouble_ = trouble;
  }
  std::string trouble_;
};

adapter::Heart::Callbacks heart_callbacks(const Runtime& runtime, Mailbox& mailbox, LocalAlarms& alarms) {
  return {[&mailbox](PeersHeard heard) { mailbox.post(std::move(heard)); },
          [&runtime, load = Load::idle, asked = Instant{}]() mutable {
            const Instant now = read_clocks().mono;
            if (now >= asked + kLoadInterval) {
              load = load_now();
              asked = now;
            }
            Brain brain = runtime.brain();
            brain.load = load;
            return brain;
          },
          [&alarms](const std::string& key, const std::string& text) {
            alarms.set(key, text);
            if (!text.empty()) log(LogLevel::warning, text);
          }};
}

void say(bool is_error, const std::string& line) { log(is_error ? LogLevel::error : LogLevel::info, line); }

// Begins again in this process, with all that another engine brings.
[[noreturn]] void begin_again(char** argv) {
  flush_log();
  ::execv("/proc/self/exe", argv);
  die("it cannot begin again");
}

// Once everything has ended: what this havend was asked to end for.
[[noreturn]] void go_on(Afterwards afterwards, const EngineMember& member, char** argv) {
  switch (afterwards) {
    case Afterwards::end:
      break;
    case Afterwards::again:
      begin_again(argv);
    case Afterwards::leave:
      if (auto given_up = member.give_up(); !given_up) say(true, "leaving was not completed: " + given_up.error());
      begin_again(argv);
  }
  log(LogLevel::info, "havend ends as it was asked to");
  flush_log();
  // Calls to libvirt or an agent may hang; a planned stop must not. Everything that counts is in the engine and
  // run_dir.
  std::_Exit(0);
}

// The watchdog of this host; armed already where an earlier havend on this boot left it so (P6).
std::unique_ptr<adapter::watchdog::DeviceWatchdog> open_watchdog(const NodeConfig& node, port::WatchdogSink sink) {
  adapter::watchdog::DeviceWatchdog::Options options;
  options.inherited = take_kept_descriptor(kKeptWatchdog);
  options.keep = [](int fd) { keep_descriptor(kKeptWatchdog, fd); };
  auto watchdog = std::make_unique<adapter::watchdog::DeviceWatchdog>(std::move(options), std::move(sink));
  // Nothing is promised, so nobody would pet it.
  if (!node.promise || node.promise->deadline == Duration::zero()) watchdog->disarm();
  return watchdog;
}

constexpr Duration kTellingDeadline = 10s;

// The ways in which alarms leave this host. One that does not work is an alarm itself.
std::vector<std::unique_ptr<AlarmCourier>> couriers(const file::LocalConfig& config, LocalAlarms& alarms) {
  std::vector<std::unique_ptr<AlarmCourier>> all;
  const auto add = [&](const std::string& way, AlarmCourier::Tell tell) {
    const auto trouble = [&alarms, way](const std::string& why) {
      alarms.set("telling by " + way, why.empty() ? "" : "alarms cannot be told by " + way + ": " + why);
    };
    all.push_back(std::make_unique<AlarmCourier>(std::move(tell), config.host.str(), config.alarms.repeat, trouble));
  };
  if (!config.alarms.exec.empty()) add("exec", tell_by_exec(config.alarms.exec, kTellingDeadline));
  if (!config.alarms.webhook.empty())
    add("webhook", tell_by_webhook(config.alarms.webhook, config.alarms.webhook_ca, kTellingDeadline));
  return all;
}

std::vector<std::string> lists_of_before(const file::LocalConfig& config) {
  return hook::read_protected({config.run_dir + "/protected", config.state_dir + "/protected"}).uuids;
}

[[noreturn]] void finish(const file::LocalConfig& config, Afterwards afterwards, const Runtime& runtime,
                         Service& service, std::unique_ptr<Api>& api, EngineMember& member, char** argv) {
  if (afterwards != Afterwards::end) {
    // Whoever asked for this gets his answer first.
    service.stop();
    api.reset();
  }
  ::unlink((config.run_dir + "/api.sock").c_str());
  member.stop();
  if (afterwards == Afterwards::leave && !runtime.holds_nothing(config.host)) {
    log(LogLevel::error, "this host does not leave: something of the cluster still runs here");
    afterwards = Afterwards::again;
  }
  go_on(afterwards, member, argv);
}

// Does not return but with the reason why it cannot serve.
tl::unexpected<std::string> serve_host(const file::LocalConfig& config, LocalAlarms& alarms, EngineMember& member,
                                       char** argv) {
  auto node = node_config(config);
  if (!node) return tl::unexpected(node.error());
  node->epoch = member.epoch();
  // Of an etcd that is somebody else's nobody announces the next voters, nor tells how long its elections take (P4).
  node->waivers = member.joined() || config.engine == file::EngineKind::embedded;

  const auto mailbox = std::make_shared<Mailbox>([] { die("the mailbox is full: the daemon's thread stands still"); });
  const auto own = std::make_shared<OwnCalls>();
  alarms.on_change([mailbox](auto sentences) { mailbox->post(HostProblems{std::move(sentences)}); });
  if (config.run_dir != HAVEN_RUN_DIR || config.state_dir != HAVEN_STATE_DIR) {
    alarms.set("folders",
               "run_dir or state_dir is not where the libvirt hook looks (" HAVEN_RUN_DIR ", " HAVEN_STATE_DIR ")");
  }
  auto engine = open_engine(config, engine_sink(mailbox, own));
  if (!engine) return tl::unexpected(engine.error());
  libvirt::LibvirtConfig libvirt;
  libvirt.migration = {config.migration.tls, config.migration.bandwidth_per_second, config.migration.max_downtime,
                       config.migration.trust_storage};
  Sendings sendings;
  libvirt::LibvirtHypervisor hypervisor(std::move(libvirt), hypervisor_sink(mailbox, own, [&](const auto& sending) {
                                          sendings.note(sending, read_clocks().mono);
                                        }));
  adapter::LocalPaths storage(storage_sink(mailbox));
  adapter::FenceAgents fence(kAgentsFolder, fence_sink(mailbox));
  const auto watchdog = open_watchdog(*node, watchdog_sink(mailbox));
  Upkeep upkeep(upkeep_edges(config), config.host, std::make_shared<TurnedOff>(config.state_dir + "/turned-off"), fence,
                alarms);
  Chores chores([&](const Protected& wanted) { return upkeep.tend(wanted); });
  auto hook = hook::HookServer::listen(config.run_dir + "/hook.sock", [&](const hook::HookRequest& request) {
    const auto& question = request.question;
    (void)mailbox->offer(HookQuestion{request.id, question.uuid, question.op == hook::Op::migrate, question.unlinked});
  });
  if (!hook) return tl::unexpected(hook.error());

  // What is measured may be dropped: more of it comes.
  adapter::LoadMeter meter(LoadReader(), kLoadSampled,
                           [mailbox](port::Measured measured) { (void)mailbox->offer(std::move(measured)); });
  CheckRounds rounds(node->seed, [mailbox](HealthSeen seen) { mailbox->post(std::move(seen)); });
  adapter::guest::GuestProbes guests(
      libvirt::guest_edges(), [&rounds](port::GuestChecked checked) { rounds.answered(std::move(checked)); },
      [mailbox](port::CallDone done) { mailbox->post(port::HypervisorEvent(std::move(done))); });
  rounds.begin(guests);
  std::optional<adapter::Heart> heart;
  Edges edges{**engine,
              hypervisor,
              fence,
              storage,
              config.run_dir,
              [&](auto id, bool allow, const std::string& reason) { return (*hook)->answer(id, allow, reason); },
              [&](const Protected& wanted) -> tl::expected<void, std::string> {
                chores.want(wanted);
                std::vector<std::string> all = wanted.uuids;
                all.insert(all.end(), wanted.kept_out.begin(), wanted.kept_out.end());
                return hook::write_protected(config.run_dir + "/protected", all);
              },
              say,
              [](const std::vector<std::string>& links) { return adapter::without_uplink(links); },
              [mailbox](CallId call, Duration timeout) { restart_libvirt(mailbox, call, timeout); },
              reboot_now,
              die,
              [&](const std::shared_ptr<const Spec>& spec) {
                if (heart) heart->know(adapter::heart_roster_of(*spec));
                meter.want(spec->cluster.balance != Balance::off);
                rounds.know(spec);
              },
              watchdog.get(),
              [&rounds](const AttendGuest& order) { rounds.attend(order); },
              &guests};
  Runtime runtime(*node, mailbox, own, std::move(edges), config.cluster, lists_of_before(config));
  const bool embedded = config.engine == file::EngineKind::embedded;
  Host here;
  here.name = config.host;
  here.cpu = node->cpu;
  here.memory = node->memory;
  const Lacking lacking = [](const std::vector<Need>& needs) { return libvirt::lacking({}, needs, kFitnessTimeout); };
  Applier applier(runtime, fence, here, embedded, lacking);
  Service service(
      runtime, applier, alarms, config.host, embedded,
      [](const std::string& name) { return libvirt::describe_domain({}, name, kDescribeTimeout); }, &sendings);
  std::atomic<Afterwards> afterwards{Afterwards::end};
  member.serve({&runtime, dynamic_cast<adapter::EtcdHandle*>(engine->get()),
                [&config](port::EngineSink sink) { return open_engine(config, std::move(sink)); }, HAVEN_VERSION,
                [&](Afterwards what) {
                  afterwards = what;
                  runtime.ask_shutdown(what == Afterwards::leave ? ShutdownKind::leave : ShutdownKind::restart);
                }});
  auto api = Api::listen(config.run_dir + "/api.sock", service, member.routes());
  if (!api) return tl::unexpected(api.error());
  // A host alone has nobody to hear.
  if (!embedded) heart.emplace(heart_config(config, node->incarnation), heart_callbacks(runtime, *mailbox, alarms));
  const Fitness fitness(runtime, config.host, node->incarnation, lacking);
  const SendingsTold sendings_told(runtime, sendings, alarms, config.host, node->incarnation);
  const AlarmWatch watch(runtime, alarms, config.host, couriers(config, alarms));
  handle_signals(runtime);
  log(LogLevel::info, "havend serves " + config.host.str() + ", incarnation " + node->incarnation.str());
  runtime.run();
  finish(config, afterwards, runtime, service, *api, member, argv);
}

tl::unexpected<std::string> serve(file::LocalConfig config, const std::string& config_path, char** argv) {
  for (const auto& [folder, mode] : {std::pair(config.run_dir, 0755U), std::pair(config.state_dir, 0700U)}) {
    if (auto made = make_folder(folder, mode); !made) return tl::unexpected(made.error());
  }
  const auto alone = SingleInstance::lock(config.run_dir);
  if (!alone) return tl::unexpected(alone.error());
  LocalAlarms alarms;
  auto member = EngineMember::begin(config, config_path, alarms, {{}, {}, say});
  if (!member) return tl::unexpected(member.error());
  if (!member->witness()) return serve_host(config, alarms, *member, argv);
  log(LogLevel::info, "havend is the witness " + config.host.str());
  const auto afterwards = serve_witness(*member, config, alarms, HAVEN_VERSION);
  if (!afterwards) return tl::unexpected(afterwards.error());
  go_on(*afterwards, *member, argv);
}

// Exit codes as those of `haven`.
int disarm_here(const file::LocalConfig& config, bool restore) {
  DisarmEdges edges;
  edges.run_dir = config.run_dir;
  edges.state_dir = config.state_dir;
  edges.caps_off = [] { return libvirt::take_caps_off({}, kCapsTimeout); };
  edges.autostart_on = [](const auto& uuids) { return libvirt::turn_autostart_on({}, uuids, kAutostartTimeout); };
  const auto disarmed = disarm(edges, restore);
  if (!disarmed) {
    std::cerr << "havend: nothing was disarmed: " << disarmed.error() << "\n";
    return 1;
  }
  for (const auto& line : disarmed->done) std::cout << line << "\n";
  for (const auto& line : disarmed->problems) std::cerr << "havend: " << line << "\n";
  return disarmed->problems.empty() ? 0 : 1;
}

}  // namespace
}  // namespace haven::daemon

int main(int argc, char** argv) {
  using namespace haven::daemon;
  CLI::App app{"havend: keeps this host's share of a Haven cluster running"};
  std::string path = "/etc/haven/havend.toml";
  bool check = false;
  bool disarm = false;
  bool restore = false;
  app.add_option("--config", path, "the local configuration")->capture_default_str();
  app.add_flag("--check", check, "judge the configuration and end");
  auto* take_away =
      app.add_flag("--disarm", disarm,
                   "stop havend for good and let libvirt start what it likes; guests run on (see `haven disarm`)");
  app.add_flag("--restore", restore, "with --disarm: autostart and units as they were before Haven")->needs(take_away);
  app.set_version_flag("--version", "havend " HAVEN_VERSION);
  app.footer("Example:\n  havend --config /etc/haven/havend.toml --check");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kBadInput;
  }
  const auto config = load_config(path);
  if (!config) {
    std::cerr << "havend: " << config.error() << "\n";
    return kBadInput;
  }
  if (disarm) return disarm_here(*config, restore);
  if (check) {
    std::cout << path << ": good\n";
    return 0;
  }
  // Everything that is made is root's alone until it says otherwise.
  ::umask(077);
  ::signal(SIGPIPE, SIG_IGN);
  start_log(level_of(config->log));
  const auto done = serve(*config, path, argv);
  std::cerr << "havend: " << done.value() << "\n";
  return 1;
}
