// Which alarms are to be told now: each when it is raised, again and again while it stands, and once more when it has
// ended. One book for each way of telling, so that a way that does not work holds up no other; what could not be told
// stays due. Pure: the caller has the clock.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/model/units.hpp"
#include "core/report.hpp"

namespace haven::daemon {

enum class Telling { raised, repeated, cleared };
[[nodiscard]] const char* word(Telling telling);

struct Notice {
  Telling telling = Telling::raised;
  Alarm alarm;
  WallTime since;  // when this havend first saw it
  int times = 0;   // told before
};

class AlarmBook {
 public:
  // An alarm that is gone for less than this has not ended: a havend that restarts says nothing for a moment.
  static constexpr Duration kEnded = 10s;
  // A telling that failed is tried again after this.
  static constexpr Duration kRetry = 30s;
  // More alarms than this are not kept apart any more: what is beyond is told once there is room.
  static constexpr std::size_t kMost = 256;

  explicit AlarmBook(Duration repeat, Duration ended = kEnded) : repeat_(repeat), ended_(ended) {}

  // What stands now. An alarm that was told before by somebody else, and may end before it is told here.
  void inherit(const std::vector<Alarm>& alarms, Now now);
  void stand(const std::vector<Alarm>& alarms, Now now);
  // Somebody else tells the rest from now on: of what does not stand here only `always_ours` is told the end.
  void hand_over(const std::vector<Alarm>& standing, const std::string& always_ours);

  // What is to be told now, in the order in which it came up; each is then to be answered by told().
  [[nodiscard]] std::vector<Notice> due(Instant now) const;
  void told(const Notice& notice, bool well, Instant now);
  // When due() will say more, if nothing changes.
  [[nodiscard]] Instant next() const;

 private:
  struct Entry {
    Alarm alarm;
    WallTime since;
    std::uint64_t order = 0;
    int times = 0;
    bool announced = false;  // somebody was told that it stands
    Instant due;             // while it stands
    Instant retry;           // not before then
    Instant gone = kNever;   // since when it does not stand any more
  };
  [[nodiscard]] Instant due_at(const Entry& entry) const;
  Duration repeat_, ended_;
  std::uint64_t count_ = 0;
  std::map<std::string, Entry> entries_;
};

}  // namespace haven::daemon
