// What the controller keeps between two passes so that deciding about claims costs what has changed: who uses what
// where, as the view says, and which resources are to be looked at. All of it follows from the view; forget() is right
// whenever in doubt, and costs one pass over everything.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/agenda.hpp"
#include "core/controller.hpp"
#include "core/placement/placement.hpp"
#include "core/recovery/lifecycle.hpp"

namespace haven {

struct Weighed;

class ClaimBatch;

class ClaimDesk {
 public:
  void forget() { books_.reset(); }
  // The office is somebody else's.
  void resign() {
    forget();
    next_weighing_.reset();
  }
  // The view changed.
  void follow(const View& view, const Touched& touched);

  // The claims to be moved now, in one commit that fits a transaction, most important first; a strict `together` set is
  // never split (E1). Nothing to move: no commit. Tells of each resource that could not be placed.
  void decide(const ControllerState& state, const View& view, const SelfView& self, Pass& pass,
              std::vector<Unplaced>& unplaced);

 private:
  void open(const View& view);
  void bring_up_to_date(const View& view);
  void mark(const Roster& roster, std::size_t resource);
  void mark_host(const View& view, const HostName& name);
  void rebook(const View& view, std::size_t resource);
  struct Looked;
  Looked look(const ControllerState& state, const View& view, const SelfView& self, Now now,
              const std::vector<std::size_t>& places, PassSoFar begin);
  void mend(const ControllerState& state, const View& view, const SelfView& self, ClaimBatch& batch, Now now,
            std::vector<Unplaced>& unplaced);
  Step mend_one(const ControllerState& state, const View& view, const SelfView& self, std::size_t place, Now now);
  void keep_balance(const ControllerState& state, const View& view, const SelfView& self, ClaimBatch& batch,
                    Pass& pass);
  bool begin_move(const ControllerState& state, const View& view, const SelfView& self, const Weighed& weighed,
                  ClaimBatch& batch, Pass& pass);
  std::vector<ClaimMove> move_set(const ControllerState& state, const View& view, const SelfView& self,
                                  const std::vector<const Resource*>& set, Now now, std::vector<Unplaced>& unplaced);

  std::optional<Placement> books_;               // nullopt: to be made anew
  std::vector<std::vector<HostName>> bookings_;  // by resource: what is booked for it
  Agenda steps_;
  Agenda mends_;
  std::vector<std::size_t> to_book_;      // resources
  std::vector<HostName> to_judge_;        // hosts whose refusal may be another
  bool uplink_lost_ = false;              // somewhere, for somebody
  std::optional<Instant> next_weighing_;  // not forgotten with the books: each moment has its own, whoever looks
};

}  // namespace haven
