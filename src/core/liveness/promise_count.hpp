// The count that turns a promise into a proof (PROTOCOL P5). It begins once the intent is committed and a linearizable
// read has seen the member key absent or naming another boot, and it ends with another such read, sent after the
// deadline and its margin. The host's last good is no later than the moment at which its key went: only a waiver can be
// later, and after a waiver the engine's next leader has a new term. So the term, read at both ends, must be one.
//
// The controller's reign holds the counts: another reign begins them anew.
#pragma once

#include <cstdint>
#include <map>

#include "core/model/ids.hpp"
#include "core/model/units.hpp"

namespace haven {

// What a linearizable read of a host's member key found.
struct KeyReading {
  Instant sent, received;
  bool gone = false;       // absent, or naming another boot than the accused
  Revision member;         // the key's mod revision; 0: absent
  std::uint64_t term = 0;  // the engine's
};

struct PromiseCount {
  Revision promise, member;  // as they stood when it began: any change begins it anew
  std::uint64_t term = 0;
  Instant since;
  bool over = false;  // read once more after its end, and all was as it had been
};
using PromiseCounts = std::map<std::pair<HostName, Incarnation>, PromiseCount>;

void fold_reading(PromiseCounts& counts, const std::pair<HostName, Incarnation>& boot, Revision promise,
                  Duration deadline, const KeyReading& reading);

}  // namespace haven
