// The calls that are open: each is answered exactly once, by its work or by its deadline, whichever comes first.
//
// What a deadline answers depends on one thing: whether the order was handed to libvirt. Before that, `failed` is the
// truth, for it will never be sent (mark_sent says no from then on). After it, only `unknown` is (PROTOCOL C4).
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "port/hypervisor.hpp"

namespace haven::libvirt {

using Clock = std::chrono::steady_clock;

class Calls {
 public:
  // Far above what one host's executor has open at once; beyond it a call is refused at once.
  static constexpr std::size_t kMaxOpen = 1024;

  explicit Calls(port::HypervisorSink sink);
  ~Calls();
  Calls(const Calls&) = delete;
  Calls& operator=(const Calls&) = delete;

  // False: refused and answered already.
  [[nodiscard]] bool open(CallId call, Duration timeout);
  [[nodiscard]] bool open_inspect(CallId call, Duration timeout);
  [[nodiscard]] bool is_open(CallId call);
  [[nodiscard]] Clock::time_point deadline(CallId call);  // of a call that is not open: now
  // To be asked directly before the order goes out. False: given up, it must not be sent any more.
  [[nodiscard]] bool mark_sent(CallId call);
  // Why it would be given up, if it is: told with its answer.
  void note(CallId call, std::string message);
  // What an inspect that runs out of time answers with.
  void keep_processes(CallId call, std::vector<port::VmProcess> processes);

  // Does nothing where the call was answered before.
  void answer(CallId call, port::CallResult result, std::string message = {});
  void answer(port::Inspected inspected);
  // Gives it up before its deadline, as the deadline would.
  void give_up(CallId call, std::string why);
  // Any other event.
  void post(port::HypervisorEvent event);
  // No event reaches the sink after this returned.
  void stop();

 private:
  struct Call {
    Clock::time_point deadline;
    bool inspect = false;
    bool sent = false;
    std::string note;
    std::vector<port::VmProcess> processes;
  };
  [[nodiscard]] bool insert(CallId call, Duration timeout, bool inspect);
  [[nodiscard]] std::optional<Call> take(CallId call);
  [[nodiscard]] static port::HypervisorEvent given_up(CallId id, const Call& call);
  void watch_deadlines();

  std::mutex sink_mutex_;  // held while the sink runs; never while mutex_ is waited for by it
  port::HypervisorSink sink_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<CallId, Call> calls_;
  std::set<std::pair<Clock::time_point, CallId>> deadlines_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace haven::libvirt
