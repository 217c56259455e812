// What the controller makes of the loads that hosts tell: the balancer and the search for hogs are asked each
// kBalanceInterval while nothing else is the matter, their answer is recorded for everybody to read, and with
// balance = "auto" the first of the moves is begun, as any other live move.
//
// Balance is a matter of comfort and waits for everything: one guest at a time, nobody while anything else moves,
// starts or stops, while anybody is suspected, fenced, leaving, frozen or out of service, or cannot reach a disk or a
// network. What is moved is written down in the transaction that moves it, so that no controller takes it back before
// its rest is over. Loads are compared by no transaction: they say what would be better, never what may be done.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/controller.hpp"
#include "core/placement/balance.hpp"

namespace haven {

inline constexpr Duration kBalanceInterval = 10s;
// Words about the same moves and hogs are written anew after this, for the numbers in them.
inline constexpr Duration kBalanceRetold = 5min;

// What is the matter, as one clause; empty: nothing is.
[[nodiscard]] std::string balance_waits_for(const ControllerState& state, const View& view);

struct Weighed {
  BalanceRecord record;
  std::vector<JournalRecord> journal;  // of hogs that are held from now on, or not any more; without `by`
};
// What is to be recorded: the moves to be made, and nothing begun.
[[nodiscard]] Weighed weigh(const ControllerState& state, const View& view, Now now);
// While anything else is the matter: what stands recorded, but for hogs that need not be held any more.
[[nodiscard]] Weighed let_go(const ControllerState& state, const View& view, Now now);

// The same but for numbers in its words, and these are not old.
[[nodiscard]] bool told_already(const View& view, const BalanceRecord& record, Now now);

// The balance record with this in it, resting on the one that is known.
void write_balance(const View& view, std::optional<BalanceRecord> record, std::vector<Check>& checks,
                   std::vector<Write>& writes);

// For people: of the moves in the record those that could be made as things are.
[[nodiscard]] std::optional<BalanceReport> report_balance(const View& view);
void add_hog_alarms(const View& view, std::vector<Alarm>& alarms);

}  // namespace haven
