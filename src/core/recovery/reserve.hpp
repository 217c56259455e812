// What becomes of the promise to survive `reserve` losses while hosts are out of service.
//
// The hosts that are left are judged as a file of their own would be (core/placement/admission.hpp): whoever is in
// maintenance is not one of the losses that the reserve is for. Both sides are judged as they stand at this moment: by
// who can take resources now, without what else runs there, for what is to run now. So a reserve that is broken already
// is not broken anew by a host that makes it no worse.
//
// Rejected: to let a host in maintenance count as one of the losses. Work on a host takes hours, and that is when
// nobody wants to find out that the next failure was already spent.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "core/model/ids.hpp"
#include "core/model/view.hpp"

namespace haven {

// The brain stands still meanwhile: some 70 ms at most for each of the four questions that this takes (bench/placement,
// reserve_asked: 35 ns a step), well within half a lease (S2). Nobody asks often.
inline constexpr std::int64_t kReserveSteps = 2'000'000;
// What is said of so many, and of the others that they are more.
inline constexpr std::size_t kReserveReasons = 5;

struct ReserveWithout {
  // Would stay down after the losses, and would not while all of them are in service. Not what its file's owner
  // accepted as unprotected. In the order of names.
  std::vector<ResourceName> exposed;
  // For a person, one clause: what stays down, and after which losses; empty: the promise holds without them.
  std::string words;
};
// What `steps` do not suffice for exposes nobody, and the words say that it could not be tried out.
[[nodiscard]] ReserveWithout reserve_without(const View& view, const std::set<HostName>& leaving,
                                             std::int64_t steps = kReserveSteps);

}  // namespace haven
