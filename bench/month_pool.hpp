// Who stands where in the month, as facts: the planner's books follow them, and what each guest waited for is counted.
// What is to happen is decided elsewhere (month_planner.hpp); when, by the month (month.hpp).
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "core/model/units.hpp"
#include "core/placement/placement.hpp"
#include "core/placement/roster.hpp"

namespace haven::month {

enum class Stand {
  running,
  moving,    // live: it runs on `host`, and has its room on `to` as well
  starting,  // on `host`
  lost,      // with `host`, which is not proved dead yet
  waiting,   // for a host that can take it
};
enum class Service { in, draining, out, down };
enum class Reason { maintenance, comes_back, balance };
inline constexpr std::size_t kReasons = 3;
inline constexpr std::array<const char*, kReasons> kReasonNames{"maintenance", "return", "balance"};

struct Guest {
  Stand stand = Stand::waiting;
  std::size_t host = 0;
  std::size_t transfer = 0;  // moving: which
  Duration since{};          // it stands so
};

struct HostNow {
  Service service = Service::in;
  std::vector<std::size_t> booked;     // guests that have their room there, moving ones at both ends
  std::vector<std::size_t> returning;  // those that a maintenance sent away
  Duration changed{};                  // a guest came or went
};

// A live move: of one guest, or of what is bound together.
struct Transfer {
  std::vector<std::size_t> guests;
  std::size_t from = 0, to = 0;
  Reason reason = Reason::maintenance;
  bool open = true;
};

// What the guests did without, in their time summed up.
struct Downtime {
  std::chrono::milliseconds proof{};  // their host had died, and that was not proved
  std::chrono::milliseconds start{};  // committed, started, booting
  std::chrono::milliseconds room{};   // no host could take them
  std::chrono::milliseconds still{};  // the last moment of a live move
};

class Pool {
 public:
  explicit Pool(std::shared_ptr<const Roster> roster);

  // The first place of a guest: it runs.
  void settle(std::size_t guest, std::size_t host, Duration now);
  // Refuses guests from now on unless it is in service again; `down` ends nobody, lose() does.
  void serve(std::size_t host, Service service);
  // The host dies, with all that ran there; what was on its way to it stays where it was.
  void lose(std::size_t host, Duration now);
  // What was lost with the host may be placed; who they are.
  std::vector<std::size_t> prove(std::size_t host, Duration now);
  void place(std::size_t guest, std::size_t host, Duration now);
  void started(std::size_t guest, Duration now);
  // Which transfer that is.
  std::size_t begin_move(const std::vector<std::size_t>& guests, std::size_t to, Reason reason, Duration now);
  void end_move(std::size_t transfer, Duration now);
  // What was sent away is to come back when the host is in service.
  void remember(std::size_t host);
  void tidy_returning(std::size_t host);
  // The end: the time that passed until now is counted for those who do not run.
  void settle_accounts(Duration now);

  [[nodiscard]] const Roster& roster() const { return *roster_; }
  [[nodiscard]] std::shared_ptr<const Roster> shared_roster() const { return roster_; }
  [[nodiscard]] const Spec& spec() const { return *roster_->spec; }
  [[nodiscard]] const ResourceName& guest_name(std::size_t guest) const { return spec().resources[guest].name; }
  [[nodiscard]] const HostName& host_name(std::size_t host) const { return spec().hosts[host].name; }
  [[nodiscard]] const std::vector<Guest>& guests() const { return guests_; }
  [[nodiscard]] const std::vector<HostNow>& hosts() const { return hosts_; }
  [[nodiscard]] const std::vector<Transfer>& transfers() const { return transfers_; }
  [[nodiscard]] std::size_t open_moves() const {
    return std::accumulate(open_moves_.begin(), open_moves_.end(), std::size_t{0});
  }
  [[nodiscard]] std::size_t open_moves(Reason reason) const { return open_moves_[static_cast<std::size_t>(reason)]; }
  [[nodiscard]] const Downtime& downtime() const { return downtime_; }
  // How long each waited that had to wait for room.
  [[nodiscard]] const std::vector<Duration>& waits() const { return waits_; }
  // The same books that the facts are in; whoever decides leaves them as they were.
  [[nodiscard]] Placement& books() { return books_; }

 private:
  void book(std::size_t guest, std::size_t host, Duration now);
  void release(std::size_t guest, std::size_t host, Duration now);
  void cut(std::size_t transfer, Duration now);
  void stand(std::size_t guest, Stand stand, Duration now);

  std::shared_ptr<const Roster> roster_;
  Placement books_;
  std::vector<Guest> guests_;
  std::vector<HostNow> hosts_;
  std::vector<Transfer> transfers_;
  std::array<std::size_t, kReasons> open_moves_{};
  Downtime downtime_;
  std::vector<Duration> waits_;
};

// What is wrong with who stands where, by the file and the facts alone; empty: nothing. Every guest stands exactly once
// (moving, at both ends); nobody where a host is down, or out for work; no strict rule is broken, no host overbooked.
[[nodiscard]] std::string audit(const Pool& pool);

}  // namespace haven::month
