// Would a move make a later loss worse? Everybody else stays where he is, what stood on the lost hosts is placed anew
// by the planner (Placement::arrange), and who stays down before and after the move is compared.
//
// Admission (admission.hpp) cannot tell: it packs all anew, so that where things stand makes no difference to it.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/placement/placement.hpp"
#include "core/placement/roster.hpp"

namespace haven {

// Choices of `reserve` domains if they are so many at most; else every single domain, if these are; else the one alone
// that the guest would move to.
inline constexpr std::size_t kMostLosses = 256;
// Losses that leave somebody down are searched for another arrangement, some 20 ms each (placement.hpp). After so many,
// a move that needs one more is refused.
inline constexpr int kMostLossSearches = 8;

class ReserveCheck {
 public:
  // `books` holds everything that stands and is as it was after each call; both must outlive this. refusals: by host,
  // what was said to `books`.
  ReserveCheck(const Roster& roster, Placement& books, std::vector<std::string> refusals);

  // As `books` has it already.
  void stands(std::size_t resource, std::size_t host);
  void moved(std::size_t resource, std::size_t from, std::size_t to);

  // Before anything is booked: whether `books` would leave more down, or somebody more important, after some loss if
  // `resource` stood on `to` and no longer on `from`, or while it is on its way and has its room on both. Unknown
  // counts as yes.
  [[nodiscard]] bool worsened_by(std::size_t resource, std::size_t from, std::size_t to);
  [[nodiscard]] bool exhausted() const { return searches_ < 0; }

 private:
  using Loss = std::vector<std::size_t>;  // domains of reserve_domain
  struct Down {
    std::size_t count = 0;
    int highest = -1;  // priority; -1: nobody
    [[nodiscard]] bool worse_than(const Down& o) const { return count > o.count || highest > o.highest; }
  };
  [[nodiscard]] std::vector<Loss> losses(std::size_t to) const;
  // nullopt: not known within the bounds.
  [[nodiscard]] std::optional<Down> down_after(const Loss& loss);
  void try_out(std::size_t resource, std::size_t from, std::size_t to);
  [[nodiscard]] std::optional<Down> down_on_the_way(std::size_t resource, std::size_t to, const Loss& loss);
  void follow(std::size_t resource, std::size_t from, std::size_t to);

  const Roster& roster_;
  Placement& books_;
  const std::vector<std::string> refusals_;
  std::vector<std::vector<std::size_t>> at_;         // by resource: hosts, once for each booking
  std::vector<std::vector<std::size_t>> residents_;  // by host: resources
  std::map<Loss, std::optional<Down>> before_;
  int searches_ = kMostLossSearches;
};

}  // namespace haven
