// What runs inside the guests of a simulated cluster, as checks and commands in the guest meet it.
//
// An application is up kAppUp after its guest's process began, and answers everything at once. One that was hurt stays
// so until it is healed, or until the step of a ladder comes that mends it, or one beyond that: a guest's new start
// restarts its application as well, a start on another host is one more try elsewhere.
#pragma once

#include <map>
#include <optional>

#include "core/model/action.hpp"
#include "core/model/health.hpp"
#include "core/model/ids.hpp"
#include "core/model/units.hpp"
#include "sim/scenario.hpp"

namespace haven::sim {

inline constexpr Duration kAppUp = 5s;
inline constexpr Duration kGuestAnswers = 2ms;  // its agent, its application
inline constexpr Duration kGuestCommand = 1s;   // a command in the guest

// The guest's process as it is now.
struct GuestTruth {
  bool runs = false;   // there, and not paused
  bool hung = false;   // its processors stand still
  bool uplink = true;  // of its host: the addresses that checks ask are beyond it
};

class Applications {
 public:
  void hurt(const HurtApp& deed, const HostName& host);
  void heal_all() { hurts_.clear(); }
  // Its guest starts there.
  void starts(const ResourceName& resource, const HostName& host, Instant now);

  [[nodiscard]] CheckAnswer check(const ResourceName& resource, const GuestCheck& check, GuestTruth truth, Instant now);
  struct Treated {
    CallResult result = CallResult::done;
    std::string message;
  };
  // `verifies`: its first command is before_serve.
  [[nodiscard]] Treated treat(const TreatGuest& treat, bool verifies, GuestTruth truth, Instant now);
  // Somebody's checks would call it ill.
  [[nodiscard]] bool is_hurt(const ResourceName& resource) const { return hurts_.contains(resource); }

 private:
  struct Hurt {
    AppFault fault = AppFault::fail;
    std::optional<Remedy> mended_by;
    HostName host;  // where it was hurt
  };
  struct Work {
    Instant began;  // of its guest
    GuestPulse pulse{};
    Instant counted;
  };
  void mend(const ResourceName& resource, Remedy remedy);
  GuestPulse counted(const ResourceName& resource, GuestTruth truth, Instant now);

  std::map<ResourceName, Hurt> hurts_;
  std::map<ResourceName, Work> work_;
};

}  // namespace haven::sim
