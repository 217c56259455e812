// `haven fence test HOST`: a level of its devices is tried for once on the living host: off, found off twice, the host
// silent, on again (F5). The host really dies; its incarnation is proved and it boots as another one.
//
// The device is what is in doubt, so its word alone proves nothing here: only if the host falls silent too was it the
// right machine. If it goes on living, the devices switch another machine: that one is switched on again at once.
#pragma once

#include <string>

#include <tl/expected.hpp>

#include "core/controller.hpp"
#include "core/model/event.hpp"
#include "core/model/view.hpp"

namespace haven {

// How long after its devices say off the host's lease may still live.
inline constexpr Duration kTestPatience = 30s;

// The transaction that orders it, or why not. `by`: who asked.
[[nodiscard]] tl::expected<Commit, std::string> test_commit(const View& view, const OperatorAsked& asked,
                                                            const SelfView& self, Now now);

enum class TestVerdict { goes_on, waits, failed };
// Where a test stands that has been shot; `fault` is why it failed.
[[nodiscard]] TestVerdict judge_test(const FenceRun& run, const View& view, const HostBoot& boot, std::string& fault,
                                     Pass& pass);

// Ends it without proof; the devices are switched on.
void fail_test(const View& view, const SelfView& self, const HostBoot& boot, const FenceRecord& fence,
               const std::string& fault, Pass& pass);

// Writes down how the test of this level came out. Empty `fault`: well.
void add_test(Commit& commit, const View& view, const HostName& host, int level, const std::string& by,
              const std::string& fault, Now now);

}  // namespace haven
