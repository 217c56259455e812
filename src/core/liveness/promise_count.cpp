#include "core/liveness/promise_count.hpp"

#include "core/liveness/promise.hpp"
#include "core/mutation.hpp"

namespace haven {

void fold_reading(PromiseCounts& counts, const std::pair<HostName, Incarnation>& boot, Revision promise,
                  Duration deadline, const KeyReading& reading) {
  if (!reading.gone) {
    counts.erase(boot);
    return;
  }
  const auto count = counts.find(boot);
  const bool same = count != counts.end() && count->second.promise == promise &&
                    count->second.member == reading.member &&
                    (mutation::proof_across_terms || count->second.term == reading.term);
  if (!same) {
    counts[boot] = {promise, reading.member, reading.term, reading.received, false};
    return;
  }
  if (reading.sent >= count->second.since + proof_wait(deadline)) count->second.over = true;
}

}  // namespace haven
