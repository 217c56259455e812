#include "adapter/libvirt/watch.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "adapter/libvirt/connection.hpp"

namespace haven::libvirt {
namespace {

using std::chrono::milliseconds;
// A restarted libvirtd answers within some 300 ms; looking for it costs next to nothing.
constexpr milliseconds kFirstPause{50};
constexpr milliseconds kLongestPause{1000};
// A driver that this host does not have: it may be installed one day.
constexpr milliseconds kAbsentPause{10'000};

std::optional<port::LifecycleKind> stopped_kind(int detail) {
  switch (detail) {
    case VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN:
      return port::LifecycleKind::powered_off;
    case VIR_DOMAIN_EVENT_STOPPED_CRASHED:
      return port::LifecycleKind::crashed;
    case VIR_DOMAIN_EVENT_STOPPED_FAILED:
      return port::LifecycleKind::failed;
    case VIR_DOMAIN_EVENT_STOPPED_MIGRATED:
      return port::LifecycleKind::migrated;
    default:  // destroyed, saved, from a snapshot: all somebody's order
      return port::LifecycleKind::destroyed;
  }
}

port::LifecycleKind suspended_kind(int detail) {
  switch (detail) {
    case VIR_DOMAIN_EVENT_SUSPENDED_IOERROR:
      return port::LifecycleKind::paused_io_error;
    case VIR_DOMAIN_EVENT_SUSPENDED_WATCHDOG:  // the guest hangs, and its watchdog was told to keep it so
      return port::LifecycleKind::crashed;
    default:
      return port::LifecycleKind::paused;
  }
}

// Nothing: the event changes nothing that Haven asks about (defined, undefined, about to shut down).
std::optional<port::LifecycleKind> kind_of(int event, int detail) {
  switch (event) {
    case VIR_DOMAIN_EVENT_STARTED:
      return port::LifecycleKind::started;
    case VIR_DOMAIN_EVENT_SUSPENDED:
      return suspended_kind(detail);
    case VIR_DOMAIN_EVENT_PMSUSPENDED:
      return port::LifecycleKind::paused;
    case VIR_DOMAIN_EVENT_RESUMED:
      return port::LifecycleKind::resumed;
    case VIR_DOMAIN_EVENT_STOPPED:
      return stopped_kind(detail);
    case VIR_DOMAIN_EVENT_CRASHED:
      return port::LifecycleKind::crashed;
    default:
      return std::nullopt;
  }
}

const char* reason_text(int reason) {
  switch (reason) {
    case VIR_CONNECT_CLOSE_REASON_EOF:
      return "libvirtd closed the connection";
    case VIR_CONNECT_CLOSE_REASON_KEEPALIVE:
      return "libvirtd does not answer";
    default:
      return "the connection to libvirtd failed";
  }
}

}  // namespace

struct Watch::State {
  std::string uri;
  WatchReport report;
  std::mutex mutex;
  std::condition_variable changed;
  bool stopping = false;
  bool ended = false;
  std::optional<int> closed;  // why the connection of now was closed

  // What libvirt holds as an opaque pointer: keeps the state alive as long as libvirt may call.
  using Held = std::shared_ptr<State>;
  static void release(void* held) { delete static_cast<Held*>(held); }

  static void on_lifecycle(virConnectPtr, virDomainPtr domain, int event, int detail, void* held) {
    const auto& state = *static_cast<Held*>(held);
    const auto kind = kind_of(event, detail);
    const char* name = virDomainGetName(domain);
    if (kind) state->report.lifecycle({uuid_of(domain), name != nullptr ? name : "", *kind});
  }
  static void on_close(virConnectPtr, int reason, void* held) {
    const auto& state = *static_cast<Held*>(held);
    const std::lock_guard lock(state->mutex);
    state->closed = reason;
    state->changed.notify_all();
  }
  void begin() {
    const std::lock_guard lock(mutex);
    closed.reset();
  }
  bool is_stopping() {
    const std::lock_guard lock(mutex);
    return stopping;
  }
  // False: stopping.
  bool pause(milliseconds length) {
    std::unique_lock lock(mutex);
    return !changed.wait_for(lock, length, [&] { return stopping; });
  }
};

Watch::Watch(std::string uri, WatchReport report) : state_(std::make_shared<State>()) {
  state_->uri = std::move(uri);
  state_->report = std::move(report);
  std::thread([state = state_] { run(state); }).detach();
}

void Watch::stop(milliseconds patience) {
  std::unique_lock lock(state_->mutex);
  state_->stopping = true;
  state_->changed.notify_all();
  state_->changed.wait_for(lock, patience, [&] { return state_->ended; });
}

// Listens until the connection is lost or the watch is stopped; says why it ended.
std::string Watch::listen(const std::shared_ptr<State>& state, virConnectPtr connection, bool& lost) {
  auto held = std::make_unique<State::Held>(state);
  if (virConnectRegisterCloseCallback(connection, State::on_close, held.get(), State::release) < 0)
    return last_error().message;
  (void)held.release();
  held = std::make_unique<State::Held>(state);
  const int events =
      virConnectDomainEventRegisterAny(connection, nullptr, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                       VIR_DOMAIN_EVENT_CALLBACK(State::on_lifecycle), held.get(), State::release);
  std::string reason;
  if (events < 0) {
    reason = last_error().message;
  } else {
    (void)held.release();
    if (std::exchange(lost, false)) state->report.back();
    std::unique_lock lock(state->mutex);
    state->changed.wait(lock, [&] { return state->stopping || state->closed.has_value(); });
    reason = reason_text(state->closed.value_or(-1));
  }
  // Both registrations hold the connection; it is closed only without them.
  if (events >= 0) virConnectDomainEventDeregisterAny(connection, events);
  virConnectUnregisterCloseCallback(connection, State::on_close);
  return reason;
}

void Watch::run(const std::shared_ptr<State>& state) {
  bool lost = false;
  auto pause = kFirstPause;
  do {
    Connection connection;
    if (const auto failure = connection.ensure(state->uri)) {
      if (!failure->driver_absent && !std::exchange(lost, true)) state->report.lost(failure->message);
      pause = failure->driver_absent ? kAbsentPause : std::min(pause * 2, kLongestPause);
      continue;
    }
    pause = kFirstPause;
    state->begin();
    const std::string reason = listen(state, connection.get(), lost);
    connection.close();
    if (!state->is_stopping() && !std::exchange(lost, true)) state->report.lost(reason);
  } while (state->pause(pause));
  const std::lock_guard lock(state->mutex);
  state->ended = true;
  state->changed.notify_all();
}

}  // namespace haven::libvirt
