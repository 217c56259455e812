#include "adapter/libvirt/sending_watch.hpp"

#include <optional>
#include <utility>

#include "adapter/libvirt/connection.hpp"
#include "adapter/libvirt/migration.hpp"

namespace haven::libvirt {

SendingWatch::SendingWatch(std::string uri, Tell tell) : state_(std::make_shared<State>()) {
  state_->uri = std::move(uri);
  state_->tell = std::move(tell);
}

void SendingWatch::begin(const std::string& uuid) {
  const std::lock_guard lock(state_->mutex);
  if (state_->stopping) return;
  state_->uuids.insert(uuid);
  state_->tell({.uuid = uuid});
  if (state_->asking) return;
  auto work = [state = state_](Connection& connection) { follow(*state, connection); };
  state_->asking = worker_.submit({[] { return true; }, std::move(work)});
}

void SendingWatch::end(const std::string& uuid) {
  const std::lock_guard lock(state_->mutex);
  state_->uuids.erase(uuid);
  state_->changed.notify_all();
}

bool SendingWatch::watches(const std::string& uuid) const {
  const std::lock_guard lock(state_->mutex);
  return state_->uuids.contains(uuid);
}

void SendingWatch::stop(std::chrono::milliseconds patience) {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
    state_->changed.notify_all();
  }
  worker_.stop(patience);
}

void SendingWatch::ask(State& state, Connection& connection) {
  std::set<std::string> uuids;
  {
    const std::lock_guard lock(state.mutex);
    uuids = state.uuids;
  }
  for (const auto& uuid : uuids) {
    if (connection.ensure(state.uri)) return;
    const DomainRef domain(virDomainLookupByUUIDString(connection.get(), uuid.c_str()));
    auto sending = domain ? sending_of(domain.get()) : std::nullopt;
    if (!sending) continue;
    sending->uuid = uuid;
    const std::lock_guard lock(state.mutex);
    if (!state.stopping && state.uuids.contains(uuid)) state.tell(std::move(*sending));
  }
}

void SendingWatch::follow(State& state, Connection& connection) {
  std::unique_lock lock(state.mutex);
  const auto over = [&] { return state.stopping || state.uuids.empty(); };
  while (!state.changed.wait_for(lock, port::kSendingTold, over)) {
    lock.unlock();
    ask(state, connection);
    lock.lock();
  }
  state.asking = false;
}

}  // namespace haven::libvirt
