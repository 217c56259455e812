// The embedded engine: one SQLite file, for one host.
//
// - Durable: a commit is answered after it is on the disk (WAL, synchronous=FULL). Revisions go on where they were.
// - One process per file, held by a lock for as long as a handle is open; any number of handles in that process share
//   one store by the file's identity (device and inode), so each sees the others' commits.
// - Leases live in memory and count time that goes on in suspend (CLOCK_BOOTTIME). They end with the process: their
//   keys are deleted, at one revision, when the file is opened again. A lease id is never used twice.
// - No history: a watcher lives in this process and misses nothing; one that begins lists. It never loses its watch.
// - A disk that hangs delays nobody's deadline: the calls are answered `unknown`. An error of SQLite is `unknown` too.
#pragma once

#include <memory>
#include <string>
#include <tl/expected.hpp>

#include "port/engine.hpp"

namespace haven::adapter {

// Calls that wait for their answer, over all handles of a file; one more is refused at once, by the caller's thread.
inline constexpr std::size_t kMaxSqliteCalls = 1024;

// Opens or creates (readable by the owner only). The error says what is wrong with `path`: no such folder, in use by
// another process, damaged, not Haven's, or of a later version.
// A handle's end answers what it owes and waits for a write under way.
[[nodiscard]] tl::expected<std::unique_ptr<port::Engine>, std::string> open_sqlite_engine(const std::string& path,
                                                                                          port::EngineSink sink);

}  // namespace haven::adapter
