// What a command line says, and how one of its commands is described.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "cli/client.hpp"
#include "cli/output.hpp"

namespace haven::cli {

// The command that was chosen leaves what it will do in `run`.
struct Line {
  std::string socket = "/run/haven/api.sock";
  bool json = false;
  std::function<int(const Client&, const Output&)> run;
};

inline CLI::App* command(CLI::App& app, const std::string& name, const std::string& text, const std::string& example) {
  CLI::App* sub = app.add_subcommand(name, text);
  sub->fallthrough();
  sub->footer("Example:\n  " + example);
  return sub;
}

// `haven cluster …`
void add_cluster(CLI::App& app, Line& line);

}  // namespace haven::cli
