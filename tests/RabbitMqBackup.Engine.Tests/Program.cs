using RabbitMqBackup.Engine.Tests.Faults;
using Xunit.Runner.InProc.SystemConsole;

namespace RabbitMqBackup.Engine.Tests;

/// <summary>The tests; or, with <c>crash-child</c> as first argument, the process that a test kills.</summary>
internal static class Program
{
    private static async Task<int> Main(string[] args) =>
        args is [CrashChild.Word, .. string[] job] ? await CrashChild.RunAsync(job) : await ConsoleRunner.Run(args);
}
