using RabbitMqBackup.Engine.Tests.Faults;
using Xunit.Runner.InProc.SystemConsole;

namespace RabbitMqBackup.Engine.Tests;

/// <summary>The tests; or, with <c>crash-child</c> or <c>restore-child</c> as first argument, the process that a test kills.</summary>
internal static class Program
{
    private static async Task<int> Main(string[] args) =>
        args switch
        {
            [CrashChild.Word, .. string[] job] => await CrashChild.RunAsync(job),
            [RestoreChild.Word, .. string[] job] => await RestoreChild.RunAsync(job),
            _ => await ConsoleRunner.Run(args),
        };
}
