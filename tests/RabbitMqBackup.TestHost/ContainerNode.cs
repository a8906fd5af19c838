using System.Net;
using System.Net.Sockets;
using System.Text;
using Docker.DotNet;
using Docker.DotNet.Models;
using DotNet.Testcontainers.Builders;
using DotNet.Testcontainers.Configurations;
using DotNet.Testcontainers.Containers;
using Microsoft.Extensions.Logging.Abstractions;
using Testcontainers.RabbitMq;

namespace RabbitMqBackup.TestHost;

/// <summary>A node in a container. The container reaper of Testcontainers removes it when this process is killed.</summary>
internal sealed class ContainerNode : IBrokerNode
{
    private static readonly TimeSpan StartTimeout = TimeSpan.FromMinutes(5);

    private readonly RabbitMqContainer _container;

    private ContainerNode(RabbitMqContainer container, string image, BrokerEndpoints endpoints)
    {
        _container = container;
        Origin = $"Docker image {image}";
        Endpoints = endpoints;
    }

    /// <inheritdoc/>
    public BrokerEndpoints Endpoints { get; }

    /// <inheritdoc/>
    public string Origin { get; }

    /// <summary>Pulls the image where it is missing, and starts a container of it.</summary>
    /// <exception cref="TestServerUnavailableException">No Docker engine answers, or it can't get or run the image.</exception>
    internal static async Task<ContainerNode> StartNewAsync(BrokerGeneration generation, string extraConfiguration)
    {
        // Fixed host ports, not the engine's choice: they must survive a restart, and the broker tells stream clients its own.
        int amqp = FreePort(), management = FreePort(), stream = FreePort();
        string configuration = $"stream.advertised_host = localhost\nstream.advertised_port = {stream}\n{extraConfiguration}\n";
        RabbitMqContainer? container = null;
        try
        {
            container = new RabbitMqBuilder(generation.Image)
                .WithLogger(NullLogger.Instance) // else it reports to the standard output, which belongs to the program that uses this
                .WithUsername(BrokerNodes.User)
                .WithPassword(BrokerNodes.Password)
                .WithPortBinding(amqp, 5672)
                .WithPortBinding(management, 15672)
                .WithPortBinding(stream, 5552)
                .WithResourceMapping(Encoding.UTF8.GetBytes("[rabbitmq_management,rabbitmq_stream,rabbitmq_shovel,rabbitmq_federation].\n"), "/etc/rabbitmq/enabled_plugins")
                .WithResourceMapping(Encoding.UTF8.GetBytes(configuration), "/etc/rabbitmq/conf.d/90-test.conf")
                .Build();
            using CancellationTokenSource patience = new(StartTimeout);
            await container.StartAsync(patience.Token);
            return new(container, generation.Image, new(container.Hostname, amqp, management, stream));
        }
        catch (DockerUnavailableException e)
        {
            throw new TestServerUnavailableException($"no engine answers ({e.GetBaseException().Message.ReplaceLineEndings(" ").Trim()})");
        }
        catch (Exception e) when (e is DockerApiException or HttpRequestException or OperationCanceledException or ContainerNotRunningException)
        {
            if (container is not null)
            {
                await container.DisposeAsync();
            }

            throw new TestServerUnavailableException($"{generation.Image} does not start: {e.Message}");
        }
    }

    /// <inheritdoc/>
    public Task StartAsync() => _container.StartAsync();

    /// <inheritdoc/>
    public Task StopAsync() => _container.StopAsync();

    /// <inheritdoc/>
    public async Task KillAsync()
    {
        using IDockerClient client = TestcontainersSettings.OS.DockerEndpointAuthConfig.GetDockerClientBuilder(Guid.Empty).Build();
        await client.Containers.KillContainerAsync(_container.Id, new ContainerKillParameters { Signal = "SIGKILL" });
        // The engine has reaped the container when it can tell the exit code.
        await _container.GetExitCodeAsync();
    }

    /// <inheritdoc/>
    public async Task<string> CtlAsync(string tool, IReadOnlyList<string> arguments)
    {
        ExecResult result = await _container.ExecAsync([tool, .. arguments]);
        return result.ExitCode == 0
            ? result.Stdout
            : throw new InvalidOperationException($"{tool} {string.Join(' ', arguments)} ended with {result.ExitCode}: {result.Stderr} {result.Stdout}");
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _container.DisposeAsync();

    private static int FreePort()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
