// Calls that havend makes for itself, beside those of the core: their ids have the top bit set, which the core's never
// reach, and their answers never enter the mailbox.
#pragma once

#include <cstdint>
#include <future>
#include <map>
#include <mutex>
#include <utility>
#include <variant>

#include "core/model/ids.hpp"
#include "port/engine.hpp"
#include "port/hypervisor.hpp"

namespace haven::daemon {

using OwnAnswer = std::variant<port::TransactionDone, port::CallDone>;

class OwnCalls {
 public:
  [[nodiscard]] static bool is_own(CallId call) { return (call.count & kOwn) != 0; }

  // The port answers every call by its deadline, so the future always becomes ready.
  [[nodiscard]] std::pair<CallId, std::future<OwnAnswer>> open() {
    const std::lock_guard lock(mutex_);
    const CallId call{kOwn | ++count_};
    return {call, open_[call].get_future()};
  }
  void answer(CallId call, OwnAnswer answer) {
    const std::lock_guard lock(mutex_);
    const auto it = open_.find(call);
    if (it == open_.end()) return;
    it->second.set_value(std::move(answer));
    open_.erase(it);
  }

 private:
  static constexpr std::uint64_t kOwn = std::uint64_t{1} << 63U;
  std::mutex mutex_;
  std::uint64_t count_ = 0;
  std::map<CallId, std::promise<OwnAnswer>> open_;
};

}  // namespace haven::daemon
