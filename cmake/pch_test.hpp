// The shared headers, Asio and GoogleTest, for test programs.
#pragma once
#include "pch_asio.hpp"

#include <gtest/gtest.h>
