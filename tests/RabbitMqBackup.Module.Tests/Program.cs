using Xunit.Runner.InProc.SystemConsole;

namespace RabbitMqBackup.Module.Tests;

/// <summary>The tests; or, with <c>session</c> as first argument, the process to which a test sends signals.</summary>
internal static class Program
{
    private static async Task<int> Main(string[] args) =>
        args is [SessionProcess.Word, string script, .. string[] more] ? SessionProcess.RunAsChild(script, more) : await ConsoleRunner.Run(args);
}
