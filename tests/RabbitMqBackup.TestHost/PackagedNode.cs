using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace RabbitMqBackup.TestHost;

/// <summary>
/// A node from Debian's packages, run by <c>tests/servers/brokers.sh up</c>. The script lives at the other end of a pipe: when this process ends in whatever
/// way, the pipe closes, and the script ends the node and deletes its data.
/// </summary>
internal sealed class PackagedNode : IBrokerNode
{
    private const int PortsInUse = 75;

    private static readonly TimeSpan InstallTimeout = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan OrderTimeout = TimeSpan.FromMinutes(3);

    private readonly string _generation;
    private readonly Process _supervisor;

    private PackagedNode(string generation, int port, Process supervisor)
    {
        _generation = generation;
        _supervisor = supervisor;
        Endpoints = new("127.0.0.1", port, port + 1, port + 2);
    }

    /// <inheritdoc/>
    public BrokerEndpoints Endpoints { get; }

    /// <inheritdoc/>
    public string Origin => $"Debian's packages (tests/servers/brokers.sh, generation {_generation})";

    private static string Script => Path.Combine(Path.GetDirectoryName(typeof(PackagedNode).Assembly.Location)!, "servers", "brokers.sh");

    /// <summary>Installs the packages where they are missing, and starts a node on free ports.</summary>
    /// <param name="generation">Which.</param>
    /// <param name="extraConfiguration">Lines for its <c>rabbitmq.conf</c>.</param>
    /// <param name="first">The node whose cluster it joins, or null. That one has to be disposed last.</param>
    /// <exception cref="TestServerUnavailableException">It can't be done here, with the script's reason.</exception>
    internal static async Task<PackagedNode> StartNewAsync(BrokerGeneration generation, string extraConfiguration, PackagedNode? first = null)
    {
        if (!OperatingSystem.IsLinux())
        {
            throw new TestServerUnavailableException("they need Debian");
        }

        (int exitCode, string _, string error) = await RunAsync(InstallTimeout, ["install", generation.Name]);
        if (exitCode != 0)
        {
            throw new TestServerUnavailableException(error);
        }

        for (int attempt = 1; ; attempt++)
        {
            int port = FreePortBlock();
            string[] cluster = first is null ? [] : [first.Endpoints.AmqpPort.ToString()];
            Process supervisor = Start(["up", generation.Name, port.ToString(), .. cluster], extraConfiguration);
            Task<string> errors = supervisor.StandardError.ReadToEndAsync();
            PackagedNode node = new(generation.Name, port, supervisor);
            string answer = await node.ReadAnswerAsync();
            if (answer.StartsWith("ready ", StringComparison.Ordinal))
            {
                return node;
            }

            await node.DisposeAsync();
            // Another process may take a port between our look at it and the broker's bind.
            if (supervisor.ExitCode != PortsInUse || attempt == 5)
            {
                throw new TestServerUnavailableException($"{answer} {await errors}".Trim());
            }
        }
    }

    /// <inheritdoc/>
    public Task StartAsync() => OrderAsync("start", "ready ");

    /// <inheritdoc/>
    public Task StopAsync() => OrderAsync("stop", "stopped");

    /// <inheritdoc/>
    public Task KillAsync() => OrderAsync("kill", "stopped");

    /// <inheritdoc/>
    public async Task<string> CtlAsync(string tool, IReadOnlyList<string> arguments)
    {
        (int exitCode, string output, string error) = await RunAsync(OrderTimeout, ["ctl", _generation, Endpoints.AmqpPort.ToString(), tool, .. arguments]);
        return exitCode == 0 ? output : throw new InvalidOperationException($"{tool} {string.Join(' ', arguments)} ended with {exitCode}: {error} {output}");
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _supervisor.StandardInput.Close();
        using CancellationTokenSource patience = new(TimeSpan.FromSeconds(30));
        await _supervisor.WaitForExitAsync(patience.Token);
    }

    private async Task OrderAsync(string order, string expected)
    {
        await _supervisor.StandardInput.WriteLineAsync(order);
        await _supervisor.StandardInput.FlushAsync();
        string answer = await ReadAnswerAsync();
        if (!answer.StartsWith(expected, StringComparison.Ordinal))
        {
            throw new InvalidOperationException($"The broker did not {order}: {answer}");
        }
    }

    private async Task<string> ReadAnswerAsync()
    {
        using CancellationTokenSource patience = new(OrderTimeout);
        return await _supervisor.StandardOutput.ReadLineAsync(patience.Token) ?? "";
    }

    private static async Task<(int ExitCode, string Output, string Error)> RunAsync(TimeSpan timeout, IReadOnlyList<string> arguments)
    {
        using Process process = Start(arguments);
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        using CancellationTokenSource patience = new(timeout);
        try
        {
            await process.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            return (-1, "", $"brokers.sh {string.Join(' ', arguments)} took longer than {timeout}");
        }

        return (process.ExitCode, await output, (await error).Trim());
    }

    private static Process Start(IReadOnlyList<string> arguments, string extraConfiguration = "")
    {
        ProcessStartInfo start = new("bash", [Script, .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardInputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false),
        };
        start.Environment["EXTRA_CONF"] = extraConfiguration;
        return Process.Start(start) ?? throw new InvalidOperationException("bash did not start.");
    }

    /// <summary>The first of 16 ports below the range from which the system gives ports to clients, the first five of them free now.</summary>
    private static int FreePortBlock()
    {
        for (int attempt = 0; attempt < 100; attempt++)
        {
            int port = 20_000 + (Random.Shared.Next(0, 750) * 16);
            if (Enumerable.Range(port, 5).All(IsFree))
            {
                return port;
            }
        }

        throw new TestServerUnavailableException("there are no free ports between 20000 and 32000");
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
