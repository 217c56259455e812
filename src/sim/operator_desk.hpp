// The operator of the simulated cluster: says each order to a havend that reaches the engine, and again until it is
// accepted; changes the file as `haven apply` does, by a transaction that compares the spec it was made from.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "sim/engine_room.hpp"
#include "sim/havend.hpp"

namespace haven::sim {

inline constexpr Duration kOperatorRetry = 1s;
// Without a word for this long, another havend is asked.
inline constexpr Duration kOperatorPatience = 5s;
inline constexpr int kOperatorTries = 60;

class OperatorDesk {
 public:
  // A person's change of the file; called again with the newer spec if another change came first.
  using Change = std::function<Spec(const Spec&)>;

  OperatorDesk(Queue& queue, EngineRoom& engine, const std::vector<std::unique_ptr<Havend>>& havends)
      : queue_(queue), engine_(engine), havends_(havends) {}

  void order(const Order& order);
  // One after the other, in the order in which they were made.
  void change_spec(Change change);
  void answered(CallId question, bool ok, const std::string& text);
  // No order is waiting to be accepted.
  [[nodiscard]] bool idle() const { return open_.empty(); }
  // The last word about what is to run and what is frozen, where it was accepted and nothing was said since: so it is.
  [[nodiscard]] std::vector<Order> standing() const;

 private:
  struct Asked {
    Order order;
    std::uint64_t word = 0;
    int tries = 0;
  };
  struct Word {
    Order order;
    std::uint64_t word = 0;
    bool accepted = false;
  };
  [[nodiscard]] Havend* someone() const;
  void ask(Asked asked);
  void again(Asked asked);
  void try_change(int tries);
  // What was said about a resource that has left the file is over.
  void forget_gone(const Spec& before, const Spec& after);

  Queue& queue_;
  EngineRoom& engine_;
  const std::vector<std::unique_ptr<Havend>>& havends_;
  std::deque<Change> changes_;  // the first is being tried
  std::map<CallId, Asked> open_;
  std::map<std::string, Word> words_;  // by what they are about
  std::uint64_t last_ = 0;
};

}  // namespace haven::sim
