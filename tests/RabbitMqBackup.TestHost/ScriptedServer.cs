using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace RabbitMqBackup.TestHost;

/// <summary>
/// A storage server run by a script of <c>tests/servers</c> with the orders <c>install</c> and <c>up PORT</c>. The script lives at the other end of a pipe: when this process
/// ends in whatever way, the pipe closes, and the script ends the server and deletes its data.
/// </summary>
internal static class ScriptedServer
{
    private const int PortsInUse = 75;
    private static readonly TimeSpan InstallTimeout = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan StartTimeout = TimeSpan.FromMinutes(2);

    /// <summary>Installs where that is needed, and starts a server that ends with this process.</summary>
    /// <returns>Its first port.</returns>
    /// <exception cref="TestServerUnavailableException">It can't be done here, with the script's reason.</exception>
    internal static async Task<int> StartAsync(string script)
    {
        if (!OperatingSystem.IsLinux())
        {
            throw new TestServerUnavailableException($"{script} needs Linux");
        }

        await RunToEndAsync(script, "install");
        for (int attempt = 1; ; attempt++)
        {
            int port = FreePorts();
            Process server = Run(script, "up", port.ToString());
            Task<string> errors = server.StandardError.ReadToEndAsync();
            string? answer = await server.StandardOutput.ReadLineAsync().WaitAsync(StartTimeout);
            if (answer?.StartsWith("ready ", StringComparison.Ordinal) == true)
            {
                // A killed process needs none of this: the pipe closes by itself.
                AppDomain.CurrentDomain.ProcessExit += (_, _) => End(server);
                return port;
            }

            End(server);

            // Another process may take a port between our look at it and the server's bind.
            if (server.ExitCode != PortsInUse || attempt == 5)
            {
                throw new TestServerUnavailableException($"{answer} {await errors}".Trim());
            }
        }
    }

    /// <summary>Runs an order of a script that ends by itself.</summary>
    /// <exception cref="TestServerUnavailableException">It failed, with the script's reason.</exception>
    internal static async Task RunToEndAsync(string script, params string[] arguments)
    {
        if (!OperatingSystem.IsLinux())
        {
            throw new TestServerUnavailableException($"{script} needs Linux");
        }

        using Process process = Run(script, arguments);
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        string errors = await process.StandardError.ReadToEndAsync().WaitAsync(InstallTimeout);
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
        {
            throw new TestServerUnavailableException($"{script} {arguments[0]} ended with {process.ExitCode}: {errors.Trim()} {(await output).Trim()}".Trim());
        }
    }

    private static void End(Process server)
    {
        server.StandardInput.Close();
        if (!server.WaitForExit(TimeSpan.FromSeconds(20)))
        {
            server.Kill(entireProcessTree: true);
        }
    }

    private static Process Run(string script, params string[] arguments)
    {
        string path = Path.Combine(Path.GetDirectoryName(typeof(ScriptedServer).Assembly.Location)!, "servers", script);
        return Process.Start(new ProcessStartInfo("bash", [path, .. arguments]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true })!;
    }

    /// <summary>The first of 16 ports below the range from which the system gives ports to clients, all of them free now.</summary>
    private static int FreePorts()
    {
        for (int attempt = 0; attempt < 100; attempt++)
        {
            int port = 10_000 + (Random.Shared.Next(0, 600) * 16);
            if (Enumerable.Range(port, 16).All(IsFree))
            {
                return port;
            }
        }

        throw new TestServerUnavailableException("no block of 16 free ports");
    }

    private static bool IsFree(int port)
    {
        try
        {
            using TcpListener listener = new(IPAddress.Loopback, port);
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
