// The commands of `haven`. Each returns its exit code.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/client.hpp"
#include "cli/output.hpp"

namespace haven::cli {

// ---- what is ----
struct StatusOptions {
  bool all = false;  // do not fit it to the screen
};
int status(const Client& client, const Output& output, const StatusOptions& options);

struct JournalOptions {
  std::string resource;
  bool follow = false;
};
int journal(const Client& client, const Output& output, const JournalOptions& options);

// ---- what is wanted ----
struct ApplyOptions {
  std::string file;
  bool yes = false;
};
int apply(const Client& client, const Output& output, const ApplyOptions& options);
int diff(const Client& client, const Output& output, const std::string& file);

struct ProtectOptions {
  std::string domain;
  std::string file;  // to which it is added; made where it does not exist
  bool apply = false;
  bool yes = false;
};
int protect(const Client& client, const Output& output, const ProtectOptions& options);

// ---- orders ----
struct Order {
  std::string verb;  // as the API calls it
  std::string resource;
  std::string host;
  bool force = false;
};
int order(const Client& client, const Output& output, const Order& order);

// ---- what would be; no havend is needed ----
int check(const Output& output, const std::string& file);

struct SimulateRequest {
  std::string file;
  std::string scenario;  // its path; empty: none
  std::optional<std::uint64_t> seeds;
  std::uint64_t first_seed = 1;
  double hours = 1;
  std::string kill;  // a host; empty: nobody
};
int simulate(const Output& output, const SimulateRequest& request);

}  // namespace haven::cli
