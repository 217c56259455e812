#include "adapter/libvirt/hypervisor.hpp"

#include <libvirt/virterror.h>

#include <algorithm>
#include <atomic>
#include <iterator>
#include <mutex>
#include <optional>
#include <vector>

#include "adapter/libvirt/calls.hpp"
#include "adapter/libvirt/caps.hpp"
#include "adapter/libvirt/connection.hpp"
#include "adapter/libvirt/domain_xml.hpp"
#include "adapter/libvirt/live_links.hpp"
#include "adapter/libvirt/processes.hpp"
#include "adapter/libvirt/sending_watch.hpp"
#include "adapter/libvirt/watch.hpp"
#include "adapter/libvirt/workers.hpp"

namespace haven::libvirt {
namespace {

using port::CallResult;
using port::Domain;
using port::DomainState;
using port::Driver;

constexpr std::chrono::milliseconds kEndPatience{250};

DomainState paused_state(int reason) {
  switch (reason) {
    case VIR_DOMAIN_PAUSED_IOERROR:
      return DomainState::paused_io_error;
    case VIR_DOMAIN_PAUSED_CRASHED:
    case VIR_DOMAIN_PAUSED_WATCHDOG:  // it hangs, and nobody but Haven will do anything about it
      return DomainState::crashed;
    case VIR_DOMAIN_PAUSED_STARTING_UP:
      return DomainState::starting;
    case VIR_DOMAIN_PAUSED_MIGRATION:
      return DomainState::in_migration;
    default:
      return DomainState::paused;
  }
}

DomainState state_of(int state, int reason) {
  switch (state) {
    case VIR_DOMAIN_PAUSED:
      return paused_state(reason);
    case VIR_DOMAIN_PMSUSPENDED:
      return DomainState::paused;
    case VIR_DOMAIN_CRASHED:
      return DomainState::crashed;
    case VIR_DOMAIN_SHUTOFF:
      return DomainState::absent;
    default:  // running, blocked, shutting down; no state told: it is in the list of active ones
      return DomainState::running;
  }
}

// Libvirt 9.0 now and then never hears from a container's controller, and then misses its end: it goes on to call the
// container running. It lists none before the controller lives, so one without any process has ended.
void find_dead_containers(std::vector<Domain>& domains, const std::vector<port::VmProcess>& processes) {
  for (auto& domain : domains) {
    const auto is_its = [&](const port::VmProcess& process) { return belongs_to(process, domain.uuid, domain.name); };
    if (domain.driver == Driver::lxc && std::ranges::none_of(processes, is_its)) domain.state = DomainState::crashed;
  }
}

bool is_gone(const LibvirtError& error) {
  return error.answered && (error.code == VIR_ERR_NO_DOMAIN || error.code == VIR_ERR_OPERATION_INVALID);
}

// The most that it may use. A domain that goes away meanwhile takes nothing any more.
Footprint footprint_of(virDomainPtr domain) {
  virDomainInfo info{};
  if (virDomainGetInfo(domain, &info) < 0) return {};
  // A container without a limit tells the largest number that there is.
  constexpr unsigned long kNoLimitKib = 1UL << 40;
  const auto memory = info.maxMem >= kNoLimitKib ? 0 : (info.maxMem + 1023) / 1024;
  return {Vcpu{info.nrVirtCpu}, MiB{static_cast<std::int64_t>(memory)}};
}

// Appends the driver's active domains. Nothing: libvirt did not tell all of them.
[[nodiscard]] bool list_domains(virConnectPtr connection, Driver driver, Unmarked& unmarked,
                                const std::vector<std::string>& links, std::vector<Domain>& domains) {
  const auto active = active_domains(connection);
  if (!active) return false;
  bool complete = true;
  for (const auto& domain : *active) {
    int state = 0;
    int reason = 0;
    if (virDomainGetState(domain.get(), &state, &reason, 0) < 0) {
      complete = complete && is_gone(last_error());
      continue;
    }
    const char* name = virDomainGetName(domain.get());
    const auto known = state_of(state, reason);
    if (known == DomainState::absent) continue;
    domains.push_back({uuid_of(domain.get()), name != nullptr ? name : "", driver, known, footprint_of(domain.get())});
    domains.back().cap = unmarked.cap_on(domain.get(), domains.back().uuid);
    if (std::ranges::find(links, domains.back().uuid) != links.end()) domains.back().linked = linked_on(domain.get());
  }
  return complete;
}

}  // namespace

class LibvirtHypervisor::Core : public std::enable_shared_from_this<Core> {
 public:
  // What is done to a domain that was found. Returns libvirt's own result.
  using Order = std::function<int(virDomainPtr, Driver)>;
  enum class Absent { is_done, is_failed };

  Core(LibvirtConfig config, port::HypervisorSink sink)
      : config_(std::move(config)),
        calls_(std::move(sink)),
        sendings_(config_.qemu_uri, [this](port::Sending sending) { calls_.post(std::move(sending)); }) {
    for (const Driver driver : {Driver::qemu, Driver::lxc})
      if (!uri(driver).empty()) drivers_.push_back(driver);
  }

  [[nodiscard]] const LibvirtConfig& config() const { return config_; }

  void begin() {
    for (const Driver driver : drivers_)
      watches_.push_back(std::make_unique<Watch>(
          uri(driver),
          WatchReport{[self = shared_from_this()](port::Lifecycle event) { self->calls_.post(std::move(event)); },
                      [self = shared_from_this()](std::string why) { self->lose(std::move(why)); },
                      [self = shared_from_this()] { self->regain(); }}));
  }

  void end() {
    calls_.stop();
    for (auto& watch : watches_) watch->stop(kEndPatience);
    watches_.clear();  // what hangs holds this object, not the other way round
    for (Workers* workers : {&qemu_workers_, &lxc_workers_, &kills_, &looks_, &migrations_})
      workers->stop(kEndPatience);
    sendings_.stop(kEndPatience);
  }

  void start(CallId call, std::string xml, Duration timeout) {
    if (!calls_.open(call, timeout)) return;
    const auto facts = parse_domain(xml);
    if (!facts) return calls_.answer(call, CallResult::failed, "domain XML: " + facts.error());
    if (uri(facts->driver).empty()) return calls_.answer(call, CallResult::failed, no_driver(facts->driver));
    run(facts->driver, call, [this, call, driver = facts->driver, xml = std::move(xml)](Connection& connection) {
      if (const auto failure = reach(call, driver, connection)) return calls_.give_up(call, failure->message);
      if (!calls_.mark_sent(call)) return;
      const DomainRef domain(virDomainCreateXML(connection.get(), xml.c_str(), VIR_DOMAIN_NONE));
      answer_order(call, domain ? 0 : -1);
    });
  }

  void order(CallId call, const std::string& uuid, Duration timeout, const Order& order, Absent absent) {
    if (!calls_.open(call, timeout)) return;
    try_driver(0, call, uuid, order, absent, {});
  }

  void cap(CallId call, const std::string& uuid, std::optional<MilliCpu> cap, Duration timeout) {
    if (!calls_.open(call, timeout)) return;
    // It answers by itself, for its failures are not all libvirt's own.
    const auto set = [this, call, uuid, cap](virDomainPtr domain, Driver driver) {
      unmarked_.forget(uuid);
      const auto failure = cap_domain(domain, driver, cap);
      unmarked_.forget(uuid);
      if (failure) calls_.answer(call, failure->answered ? CallResult::failed : CallResult::unknown, failure->message);
      return 0;
    };
    try_driver(0, call, uuid, set, Absent::is_failed, {});
  }

  void set_links(CallId call, const std::string& uuid, bool up, Duration timeout) {
    if (!calls_.open(call, timeout)) return;
    // It answers by itself, for its failures are not all libvirt's own.
    const auto set = [this, call, up](virDomainPtr domain, Driver driver) {
      if (driver != Driver::qemu) {
        calls_.answer(call, CallResult::failed, "the links of a container are not changed while it runs");
      } else if (const auto failure = libvirt::set_links(domain, up)) {
        calls_.answer(call, failure->answered ? CallResult::failed : CallResult::unknown, failure->message);
      }
      return 0;
    };
    try_driver(0, call, uuid, set, Absent::is_failed, {});
  }

  // By workers of its own: whoever starts, stops or looks must not wait for it.
  void migrate(CallId call, const std::string& uuid, const std::string& to, Duration timeout) {
    if (!calls_.open(call, timeout)) return;
    if (config_.qemu_uri.empty()) return calls_.answer(call, CallResult::failed, no_driver(Driver::qemu));
    auto work = [this, self = shared_from_this(), call, uuid, to](Connection& connection) {
      if (const auto failure = reach(call, Driver::qemu, connection)) return calls_.give_up(call, failure->message);
      const DomainRef domain(virDomainLookupByUUIDString(connection.get(), uuid.c_str()));
      if (!domain) return answer_order(call, -1);
      if (!calls_.mark_sent(call)) return;
      sendings_.begin(uuid);
      const int result = migrate_domain(domain.get(), config_.migration, to);
      sendings_.end(uuid);
      answer_order(call, result);
    };
    if (!migrations_.submit({[this, call] { return calls_.is_open(call); }, std::move(work)}))
      calls_.give_up(call, "too many migrations wait");
  }

  void kill(CallId call, std::string uuid, std::string name, Duration timeout) {
    if (!calls_.open(call, timeout)) return;
    calls_.note(call, "its processes could not be looked at in time");
    auto work = [this, self = shared_from_this(), call, uuid = std::move(uuid), name = std::move(name)](Connection&) {
      bool sent = false;
      const auto may_signal = [&] {
        sent = calls_.mark_sent(call);
        if (sent) calls_.note(call, "its processes do not end");
        return sent;
      };
      const auto gone = kill_vm_processes(config_.proc_path, uuid, name, calls_.deadline(call), may_signal);
      if (gone) return calls_.answer(call, CallResult::done);
      calls_.answer(call, sent ? CallResult::unknown : CallResult::failed, gone.error());
    };
    if (!kills_.submit({[this, call] { return calls_.is_open(call); }, std::move(work)}))
      calls_.give_up(call, "too many kills are waiting");
  }

  void inspect(CallId call, Duration timeout, const std::vector<std::string>& links) {
    if (!calls_.open_inspect(call, timeout)) return;
    // At once, for the case that libvirt hangs; and again after libvirt's word, so that "absent" and "no process" are
    // said of one moment, the process last.
    look(call, [](Core& core, CallId id, std::vector<port::VmProcess> processes) {
      core.calls_.keep_processes(id, std::move(processes));
    });
    auto gathered = std::make_shared<Gathered>();
    gathered->awaited = drivers_.size();
    for (const Driver driver : drivers_)
      run(driver, call, [this, call, driver, gathered, links](Connection& connection) {
        const auto failure = reach(call, driver, connection);
        std::vector<Domain> domains;
        const bool listed =
            failure ? failure->driver_absent : list_domains(connection.get(), driver, unmarked_, links, domains);
        gather(call, *gathered, failure.has_value(), listed, std::move(domains));
      });
  }

 private:
  struct Gathered {
    std::mutex mutex;
    std::size_t awaited = 0;
    std::size_t not_there = 0;
    bool complete = true;
    std::vector<Domain> domains;
  };

  [[nodiscard]] const std::string& uri(Driver driver) const {
    return driver == Driver::qemu ? config_.qemu_uri : config_.lxc_uri;
  }
  [[nodiscard]] static std::string no_driver(Driver driver) {
    return std::string("this host has no libvirt driver for ") + (driver == Driver::qemu ? "QEMU" : "LXC");
  }

  // Of both drivers, the first that is lost and the last that is back are told.
  void lose(std::string why) {
    if (lost_.fetch_add(1) == 0) calls_.post(port::ConnectionLost{std::move(why)});
  }
  void regain() {
    if (lost_.fetch_sub(1) == 1) calls_.post(port::ConnectionBack{});
  }

  void run(Driver driver, CallId call, std::function<void(Connection&)> work) {
    Workers& workers = driver == Driver::qemu ? qemu_workers_ : lxc_workers_;
    const bool taken =
        workers.submit({[this, call] { return calls_.is_open(call); },
                        [self = shared_from_this(), work = std::move(work)](Connection& c) { work(c); }});
    if (!taken) calls_.give_up(call, "libvirt hangs and too many calls wait for it");
  }

  // Nothing: connected. The note is what the caller learns if this takes too long.
  std::optional<OpenFailure> reach(CallId call, Driver driver, Connection& connection) {
    calls_.note(call, "libvirtd does not accept connections");
    auto failure = connection.ensure(uri(driver));
    calls_.note(call, "libvirt did not answer in time");
    if (failure && failure->driver_absent) failure->message = no_driver(driver);
    return failure;
  }

  void answer_order(CallId call, int result) {
    if (result >= 0) return calls_.answer(call, CallResult::done);
    const auto error = last_error();
    calls_.answer(call, error.answered ? CallResult::failed : CallResult::unknown, error.message);
  }

  // One driver after the other, until one has the domain. `unreachable` collects why a driver could not be asked.
  void try_driver(std::size_t index, CallId call, const std::string& uuid, const Order& order, Absent absent,
                  const std::string& unreachable) {
    if (index == drivers_.size()) {
      if (!unreachable.empty()) return calls_.give_up(call, unreachable);
      if (absent == Absent::is_done) return calls_.answer(call, CallResult::done);
      return calls_.answer(call, CallResult::failed, "libvirt has no active domain " + uuid);
    }
    const Driver driver = drivers_[index];
    run(driver, call, [this, index, call, driver, uuid, order, absent, unreachable](Connection& connection) {
      if (const auto failure = reach(call, driver, connection))
        return try_driver(index + 1, call, uuid, order, absent,
                          failure->driver_absent ? unreachable : failure->message);
      const DomainRef domain(virDomainLookupByUUIDString(connection.get(), uuid.c_str()));
      if (!domain) {
        const auto error = last_error();
        const bool has_none = error.answered && error.code == VIR_ERR_NO_DOMAIN;
        return try_driver(index + 1, call, uuid, order, absent, has_none ? unreachable : error.message);
      }
      if (!calls_.mark_sent(call)) return;
      const int result = order(domain.get(), driver);
      if (result < 0 && absent == Absent::is_done && is_gone(last_error()))
        return calls_.answer(call, CallResult::done);
      answer_order(call, result);
    });
  }

  void gather(CallId call, Gathered& gathered, bool failed, bool listed, std::vector<Domain> domains) {
    bool reached = false;
    {
      const std::lock_guard lock(gathered.mutex);
      gathered.complete = gathered.complete && listed;
      gathered.not_there += failed ? 1 : 0;
      std::ranges::move(domains, std::back_inserter(gathered.domains));
      if (--gathered.awaited > 0) return;
      reached = gathered.complete && gathered.not_there < drivers_.size();
      if (reached) domains = std::move(gathered.domains);
    }
    look(call, [reached, domains = reached ? std::move(domains) : std::vector<Domain>{}](
                   Core& core, CallId id, std::vector<port::VmProcess> processes) mutable {
      find_dead_containers(domains, processes);
      if (reached) core.unmarked_.keep(domains);
      // As long as libvirt has not come back from it, also where the call was given up: libvirt itself cannot be asked
      // without waiting for whatever else it does to that domain.
      for (auto& domain : domains) domain.migrating = core.sendings_.watches(domain.uuid);
      core.calls_.answer(port::Inspected{id, reached, std::move(domains), std::move(processes)});
    });
  }

  // Looks at the processes, and says so only where it could: a look that failed must not read as "there are none".
  template <class Then>
  void look(CallId call, Then then) {
    const bool taken = looks_.submit({[this, call] { return calls_.is_open(call); },
                                      [self = shared_from_this(), call, then = std::move(then)](Connection&) mutable {
                                        if (auto found = find_vm_processes(self->config_.proc_path))
                                          then(*self, call, std::move(*found));
                                      }});
    if (!taken) calls_.note(call, "too many looks at the processes are waiting");
  }

  LibvirtConfig config_;
  std::vector<Driver> drivers_;
  Calls calls_;
  std::atomic<int> lost_{0};
  Workers qemu_workers_{kMaxWorkers};
  Workers lxc_workers_{kMaxWorkers};
  Workers kills_{kMaxKills};
  Workers looks_{kMaxLooks};
  Workers migrations_{kMaxMigrations};
  SendingWatch sendings_;
  Unmarked unmarked_;
  std::vector<std::unique_ptr<Watch>> watches_;
};

LibvirtHypervisor::LibvirtHypervisor(LibvirtConfig config, port::HypervisorSink sink)
    : core_(std::make_shared<Core>(std::move(config), std::move(sink))) {
  core_->begin();
}

LibvirtHypervisor::~LibvirtHypervisor() { core_->end(); }

void LibvirtHypervisor::start(CallId call, const std::string& xml, Duration timeout) {
  core_->start(call, xml, timeout);
}

void LibvirtHypervisor::shutdown(CallId call, const std::string& uuid, Duration timeout) {
  // Left to choose, libvirt 9.0 takes the initctl pipe of a container that has none and says that it is done; told to
  // send the signal, it now and then does not know whom to.
  const auto ask = [proc_path = core_->config().proc_path, uuid](virDomainPtr domain, Driver driver) {
    if (driver == Driver::qemu) return virDomainShutdown(domain);
    if (container_has_initctl(proc_path, uuid)) return virDomainShutdownFlags(domain, VIR_DOMAIN_SHUTDOWN_INITCTL);
    if (terminate_container(proc_path, uuid)) return 0;
    return virDomainShutdownFlags(domain, VIR_DOMAIN_SHUTDOWN_SIGNAL);
  };
  core_->order(call, uuid, timeout, ask, Core::Absent::is_failed);
}

void LibvirtHypervisor::destroy(CallId call, const std::string& uuid, Duration timeout) {
  core_->order(
      call, uuid, timeout, [](virDomainPtr domain, Driver) { return virDomainDestroy(domain); }, Core::Absent::is_done);
}

void LibvirtHypervisor::resume(CallId call, const std::string& uuid, Duration timeout) {
  core_->order(
      call, uuid, timeout, [](virDomainPtr domain, Driver) { return virDomainResume(domain); },
      Core::Absent::is_failed);
}

void LibvirtHypervisor::migrate(CallId call, const std::string& uuid, const std::string& to, Duration timeout) {
  core_->migrate(call, uuid, to, timeout);
}

void LibvirtHypervisor::cap(CallId call, const std::string& uuid, std::optional<MilliCpu> cap, Duration timeout) {
  core_->cap(call, uuid, cap, timeout);
}

void LibvirtHypervisor::abort_migration(CallId call, const std::string& uuid, Duration timeout) {
  core_->order(
      call, uuid, timeout, [](virDomainPtr domain, Driver) { return virDomainAbortJob(domain); },
      Core::Absent::is_failed);
}

void LibvirtHypervisor::kill(CallId call, const std::string& uuid, const std::string& name, Duration timeout) {
  core_->kill(call, uuid, name, timeout);
}

void LibvirtHypervisor::set_links(CallId call, const std::string& uuid, bool up, Duration timeout) {
  core_->set_links(call, uuid, up, timeout);
}

void LibvirtHypervisor::inspect(CallId call, Duration timeout, const std::vector<std::string>& links) {
  core_->inspect(call, timeout, links);
}

}  // namespace haven::libvirt
