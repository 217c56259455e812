// Which few guests to move so that no host is overloaded while others idle.
//
// The score is the sum, over hosts, of the square of their load (CPU and memory, each a share of what the host has):
// what an average unit of work finds its host loaded with. A move's worth is what it takes from that sum, for
// kOutlook; its cost is what copying adds to it, one CPU on either end for as long as the guest's memory takes over
// the wire. Both are in one unit, seconds of one full host, so that they can be held against each other, and a large
// guest has to relieve much to be moved.
//
// Ganeti's hbal minimises a weighted sum of standard deviations over the nodes (free memory, vCPUs, dynamic loads;
// hbal(1), "Cluster scoring") and stops below a gain of 0.01. That was rejected: one burning host among a thousand
// hardly moves a standard deviation, and none of it is worth stopping for to two hosts at 10 % and 40 %. Among hosts of
// one size squares rank moves as the deviation does, and a move is worth the same in a cluster of any size.
//
// - Only a host that stands out gives: busy (kBusy), under pressure (load.hpp), or uneven (kUneven above the mean).
// - Under pressure what is used is what there is: such a host counts as full, whatever its usage says.
// - Only where Placement lets it: the very code that places. Nor is what the file prefers given up, which failback
//   would undo.
// - After any loss that `reserve` speaks of no more may stay down, and nobody more important, with everybody else where
//   he is; neither once it was moved nor while it is on its way and has its room on both hosts. (`haven check` packs
//   all anew: to it no move makes a difference.)
// - No ping-pong: a move must gain kLeastGain, and the way back would lose it; whoever moved rests (kGuestRests), so
//   does the way back between the two hosts, and both are measured anew before they take part again.
//
// One guest at a time: no exchanges, and what a strict `together` set binds to one host is not moved.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/model/load.hpp"
#include "core/placement/placement.hpp"
#include "core/placement/roster.hpp"

namespace haven {

// Points of CPU or memory above the mean of all hosts (OpenShift's descheduler, devDeviationThresholds: Medium).
inline constexpr double kUneven = 0.20;
// Share of its CPUs above which a host gives, and to which none comes by taking. oVirt has such a line too (its
// maximum service level) and leaves it to the operator; this one is ours.
inline constexpr double kBusy = 0.80;
// Of the score: two hosts that differ by 14 points, at the best possible split. hbal's --min-gain is as much of its
// own.
inline constexpr double kLeastGain = 0.01;
// So long a load is expected to stay as it is: DRS before vSphere 7 judged its cluster anew after as long.
inline constexpr Duration kOutlook = 5min;
// Whoever was moved for balance stays (migrationCooldown of OpenShift's descheduler for KubeVirt).
inline constexpr Duration kGuestRests = 15min;
// At most so many moves in any so long (RHEV looks once a minute and moves one; KubeVirt sends two at once from a
// host).
inline constexpr std::size_t kMovesAtOnce = 2;
inline constexpr Duration kMovesWithin = 60s;
// A gigabit's worth.
inline constexpr MiB kMigrationBandwidth{110};

// Of givers the busiest and of takers the idlest are looked at: up to that many hosts, all of them.
inline constexpr std::size_t kMostGivers = 16, kMostTakers = 64;

struct StandsOn {
  ResourceName resource;
  HostName host;
};

// A move that was made for balance.
struct PastMove {
  ResourceName guest;
  HostName from, to;
  Duration ago{};  // since it ended
};

struct BalanceLimits {
  std::size_t moves = kMovesAtOnce;
  double uneven = kUneven;
  MiB bandwidth_per_second = kMigrationBandwidth;  // more than 0
};

// The order within the lists means nothing.
struct BalanceQuestion {
  std::shared_ptr<const Roster> roster;
  std::vector<HostView> hosts;       // as for a Placement: who may take something
  std::vector<StandsOn> standing;    // all that is claimed; a guest that stands twice is on its way, and stays
  std::vector<HostLoad> host_loads;  // one at most for each; a host without one takes no part
  std::vector<GuestLoad>
      guest_loads;             // likewise; who cannot be moved live just now (paused, ordered about) is left out
  std::vector<PastMove> past;  // of the last kGuestRests
  BalanceLimits limits{};
  std::map<ResourceName, std::vector<Refusal>> refusals{};  // hosts that are out for one of them alone
};

struct BalanceMove {
  ResourceName guest;
  HostName from, to;
  double gain = 0;   // of the score
  double worth = 0;  // seconds of one full host
  double cost = 0;   // likewise; less than the worth
  Duration copying{};
  std::string why;  // for a person, with the numbers
};

struct BalanceAdvice {
  std::vector<BalanceMove> moves;  // in this order: each is judged with those before it made
  bool complete = true;            // false: a bound ended the search, asked again there may be more
  double score_before = 0, score_after = 0;
  std::vector<std::string> remarks;  // hosts that still stand out after the moves, and what keeps their guests there
};

// Deterministic; and the same in whatever order the file has its hosts and resources, if it is complete. Work is
// bounded by kMostGivers, kMostTakers and the bounds of reserve_check.hpp.
[[nodiscard]] BalanceAdvice balance(const BalanceQuestion& question);

}  // namespace haven
