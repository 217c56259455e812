#include "adapter/fence_agent/answer.hpp"

#include <sys/wait.h>

#include <cctype>

#include "adapter/fence_agent/secret.hpp"

namespace haven::adapter {
namespace {

using port::AgentAnswer;
using port::FenceVerb;

// A line "Status: OFF", as the agents' library prints it; some agents write it small.
bool says_status(const Output& out, const std::string& state) {
  std::string text;
  for (const unsigned char c : out.text()) {
    if (c != '\r' && c != ' ') text += static_cast<char>(std::tolower(c));
  }
  return ("\n" + text + "\n").find("\nstatus:" + state + "\n") != std::string::npos;
}

bool is_off(const Output& out, const Output& err) {
  if (says_status(out, "on")) return false;
  return says_status(out, "off") || err.text().find_first_not_of(" \t\r\n") == std::string::npos;
}

}  // namespace

std::string message_of(const Output& err, const std::vector<std::string>& secrets, const std::string& otherwise) {
  // Redacted before it is cut: half a secret would be left standing.
  constexpr std::size_t kLongest = 300;
  std::string line = redacted(err.last_line(), secrets);
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  if (line.size() > kLongest) line = line.substr(0, kLongest) + "…";
  return line.empty() ? otherwise : line;
}

Ending ending_of(FenceVerb verb, int wait_status, const Output& out, const Output& err,
                 const std::vector<std::string>& secrets) {
  if (WIFSIGNALED(wait_status)) {
    const std::string ended = "the agent was ended by signal " + std::to_string(WTERMSIG(wait_status));
    return {AgentAnswer::failed, message_of(err, secrets, ended)};
  }
  const int code = WEXITSTATUS(wait_status);
  const bool status = verb == FenceVerb::status;
  if (code == 0) return {status ? AgentAnswer::is_on : AgentAnswer::done, ""};
  if (code == 2 && status && is_off(out, err)) return {AgentAnswer::is_off, ""};
  const std::string unsure = code == 2 && status ? " without saying that the power is off" : "";
  return {AgentAnswer::failed,
          message_of(err, secrets, "the agent ended with exit code " + std::to_string(code) + unsure)};
}

}  // namespace haven::adapter
