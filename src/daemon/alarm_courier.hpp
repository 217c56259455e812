// Tells alarms to people in one way: to a program by its standard input, or to a web address. A thread of its own,
// which may be held up; it always tells what stands now, so that nothing piles up behind a way that does not work.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <tl/expected.hpp>

#include "daemon/alarm_book.hpp"

namespace haven::daemon {

// What stands, for whoever is to tell it.
struct Standing {
  std::vector<Alarm> alarms;
  std::vector<Alarm> inherited;  // that a controller before this one had told; may have ended meanwhile
  bool new_reign = false;        // this host has just become the one who tells for the cluster
  bool handed_over = false;      // another has: what was told here and does not stand is the other's business ...
  std::string always_ours;       // ... but for the alarm of this key
  std::string cluster;
};

class AlarmCourier {
 public:
  // Tells one alarm, as a JSON object; within its own deadline. The error is a clause, without any secret.
  using Tell = std::function<tl::expected<void, std::string>(const std::string& json)>;
  // Whether it works: empty, or what is wrong.
  using Trouble = std::function<void(const std::string&)>;

  AlarmCourier(Tell tell, std::string host, Duration repeat, Trouble trouble, Duration ended = AlarmBook::kEnded);
  // Waits for a telling under way.
  ~AlarmCourier();
  AlarmCourier(const AlarmCourier&) = delete;
  AlarmCourier& operator=(const AlarmCourier&) = delete;

  // The latest counts. Does not wait.
  void stand(Standing standing);

 private:
  void serve();
  void take(const Standing& standing, Now now);
  void tell_due();

  Tell tell_;
  std::string host_;
  Duration repeat_;
  Trouble trouble_;
  AlarmBook book_;  // of the thread
  std::string cluster_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Standing> latest_;
  bool ending_ = false;
  std::thread thread_;
};

// The program of this path, alone; the alarm on its standard input; killed at the deadline.
[[nodiscard]] AlarmCourier::Tell tell_by_exec(std::string path, Duration deadline);
// POST to an http or https address (the certificate is verified, against `ca` if it is not empty); any 2xx is well.
[[nodiscard]] AlarmCourier::Tell tell_by_webhook(const std::string& url, std::string ca, Duration deadline);

}  // namespace haven::daemon
