#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "cli/doctor/doctor.h"

namespace batchsql::cli {

// Adds `doctor` to the program; `run` is set when it is asked for.
void AddDoctor(CLI::App& app, DoctorCommand* doctor, std::function<int()>* run);

}  // namespace batchsql::cli
