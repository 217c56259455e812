// What a command line of `haven roll` asks for, read and held against the cluster as it is; and the roll that is only
// told.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "cli/commands.hpp"
#include "cli/commands_at_once.hpp"
#include "core/model/units.hpp"

namespace haven::cli {

struct RollWanted {
  Duration timeout{}, settle{};
  std::string here;                      // the host of the havend that is asked
  std::vector<std::string> order;        // of the hosts, as the first one is taken out
  std::map<std::string, Argv> commands;  // by host
  Json status;                           // before anything is done
};

// The exit code is that of the failure, already told.
[[nodiscard]] tl::expected<RollWanted, int> read_roll(const Client& client, const Output& output,
                                                      const RollOptions& options);

// Each round as havend foresees it now. Exit code 1: one of them would be refused.
[[nodiscard]] int dry_roll(const Client& client, const Output& output, const RollOptions& options,
                           const RollWanted& wanted);

[[nodiscard]] std::string with_commas(const std::vector<std::string>& names);

}  // namespace haven::cli
