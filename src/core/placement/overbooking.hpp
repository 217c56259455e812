// With overbook > 1 more memory is promised to restarts than the standby has: how likely is it that they ask for more?
//
// The model: hosts (level host: virtual hosts of one machine as one) fail independently of each other, each after an
// exponential time with mean `mtbf`, and are back after one with mean `mttr`; a host is down for the fraction
// u = mttr / (mtbf + mttr) of all time. In a given state the demand exceeds what there is if the resources that count
// after a loss (FORMATS, "haven check") do not all fit the remaining hosts by their nominal sizes, strict rules kept,
// with overbook = 1. Summed over all states of the hosts: exactly while there are few, else up to so many hosts down,
// and everything beyond is counted as exceeding, so that what is said is never too little.
//
// What the model leaves out, and in which direction: failures of a rack, a site or a switch take several hosts at once
// (it is then too optimistic by far: reserve_domain answers that, not this); time between real failures is rather
// Weibull with a falling rate, repairs lognormal (Schroeder and Gibson, "A large-scale study of failures in
// high-performance-computing systems", CMU-PDL-05-112: failures cluster, so again optimistic); guests seldom use all of
// their memory (pessimistic). The same study found mean repair times from under an hour to more than a day, and rates
// that differ wildly between systems: the defaults below, two losses a year and six hours each, are a round guess in
// that range. Whoever has figures of his own gives them.
#pragma once

#include <cstdint>

#include "core/model/spec.hpp"

namespace haven {

struct FailureRates {
  Duration mtbf = std::chrono::hours(24 * 365 / 2);
  Duration mttr = 6h;
};

struct Shortage {
  double probability = 0;  // at any moment
  double per_year = 0;     // how often it begins; one that has begun and goes on counts once
  int survived = 0;        // so many hosts may be down, whichever, and all still fits
  bool exact = true;       // false: no more than is said
};

// States of the hosts that are packed; with more, or with more steps than a check may take (admission.hpp), the rest is
// bounded.
inline constexpr int kMaxShortageStates = 2000;

// `rates` above zero. 365 days a year.
[[nodiscard]] Shortage shortage_of(const Spec& spec, const FailureRates& rates);

}  // namespace haven
