using System.Net;
using RabbitMQ.Client;
using RabbitMqBackup.Engine.Broker;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Broker;

public class BrokerConnectionTests
{
    public static TheoryData<string> Generations => ["3.10", "4.0", "4.3"];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task The_depth_is_what_is_ready(string generation)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        await host.DeclareAsync("orders");
        await using IConnection publisher = await host.ConnectAsync();
        await using IChannel channel = await publisher.CreateChannelAsync(new CreateChannelOptions(true, true), Cancel);
        for (int i = 0; i < 7; i++)
        {
            await channel.BasicPublishAsync("", "orders", new byte[1], Cancel);
        }

        await using BrokerConnection connection = await BrokerConnection.OpenAsync(host.Options, null, Cancel);

        Assert.Equal(new QueueDepth(7, 0), await connection.GetDepthAsync("orders", Cancel));
        Assert.StartsWith(generation, connection.RabbitMqVersion);
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task Queues_of_every_type_are_declared_once_and_conflicts_name_the_argument(string generation)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        await using BrokerConnection connection = await BrokerConnection.OpenAsync(host.Options, null, Cancel);
        foreach (string type in new[] { "classic", "quorum", "stream" })
        {
            QueueDeclaration declaration = new() { Queue = new(host.Name, type), Type = type, Arguments = new Dictionary<string, object?> { ["x-max-length-bytes"] = 5_000_000_000L } };

            Assert.True(await connection.DeclareAsync(declaration, Cancel));
            Assert.False(await connection.DeclareAsync(declaration, Cancel));
            RabbitBackupException conflict = await Assert.ThrowsAsync<RabbitBackupException>(
                () => connection.DeclareAsync(declaration with { Arguments = new Dictionary<string, object?> { ["x-max-length-bytes"] = 7L } }, Cancel));

            Assert.Equal((ErrorCode.DefinitionConflict, $"{host.Name}/{type}"), (conflict.Code, conflict.Target));
            Assert.Contains("x-max-length-bytes", conflict.Message);
            Assert.Equal(type, (await host.GetAsync($"queues/{host.Path}/{type}")).GetProperty("type").GetString());
        }
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task An_application_can_still_declare_a_classic_queue_as_it_did(string generation)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        await using BrokerConnection connection = await BrokerConnection.OpenAsync(host.Options, null, Cancel);
        await connection.DeclareAsync(new() { Queue = new(host.Name, "orders"), Type = "classic" }, Cancel);
        await using IConnection application = await host.ConnectAsync();
        await using IChannel channel = await application.CreateChannelAsync(cancellationToken: Cancel);

        QueueDeclareOk answer = await channel.QueueDeclareAsync("orders", durable: true, exclusive: false, autoDelete: false, cancellationToken: Cancel);

        Assert.Equal("orders", answer.QueueName);
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task Arguments_that_the_broker_refuses_are_invalid(string generation)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        await using BrokerConnection connection = await BrokerConnection.OpenAsync(host.Options, null, Cancel);
        QueueDeclaration declaration = new() { Queue = new(host.Name, "q"), Type = "classic", Arguments = new Dictionary<string, object?> { ["x-max-length"] = "many" } };

        RabbitBackupException exception = await Assert.ThrowsAsync<RabbitBackupException>(() => connection.DeclareAsync(declaration, Cancel));

        Assert.Equal(ErrorCode.DefinitionInvalid, exception.Code);
        Assert.Contains("x-max-length", exception.Message);
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task Missing_and_exclusive_queues_are_told_and_the_connection_goes_on(string generation)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        await using IConnection owner = await host.ConnectAsync();
        await using IChannel channel = await owner.CreateChannelAsync(cancellationToken: Cancel);
        await channel.QueueDeclareAsync("mine", durable: false, exclusive: true, autoDelete: false, cancellationToken: Cancel);
        await using BrokerConnection connection = await BrokerConnection.OpenAsync(host.Options, null, Cancel);

        RabbitBackupException missing = await Assert.ThrowsAsync<RabbitBackupException>(() => connection.GetDepthAsync("none", Cancel));
        RabbitBackupException exclusive = await Assert.ThrowsAsync<RabbitBackupException>(() => connection.GetDepthAsync("mine", Cancel));

        Assert.Equal((ErrorCode.QueueNotFound, $"{host.Name}/none"), (missing.Code, missing.Target));
        Assert.Equal(ErrorCode.QueueInUse, exclusive.Code);
        await host.DeclareAsync("orders");
        Assert.Equal(0, (await connection.GetDepthAsync("orders", Cancel)).Messages);
    }

    [Theory]
    [MemberData(nameof(Generations))]
    public async Task Wrong_password_foreign_virtual_host_and_missing_permission_are_told_apart(string generation)
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync(generation);
        await host.DeclareAsync("orders");
        BrokerOptions stranger = await host.AddUserAsync("", withPermission: false);

        RabbitBackupException password = await Assert.ThrowsAsync<RabbitBackupException>(
            () => BrokerConnection.OpenAsync(host.Options with { Credential = new NetworkCredential("guest", "wrong-word") }, null, Cancel));
        RabbitBackupException missing = await Assert.ThrowsAsync<RabbitBackupException>(() => BrokerConnection.OpenAsync(host.Options, "none " + host.Name, Cancel));
        RabbitBackupException permission = await Assert.ThrowsAsync<RabbitBackupException>(() => BrokerConnection.OpenAsync(stranger, null, Cancel));

        Assert.Equal(ErrorCode.BrokerAuthenticationFailed, password.Code);
        Assert.DoesNotContain("wrong-word", password.ToString());
        Assert.Equal((ErrorCode.BrokerAccessRefused, "none " + host.Name), (missing.Code, missing.Target));
        Assert.Equal((ErrorCode.BrokerAccessRefused, host.Name), (permission.Code, permission.Target));
    }

    [Fact]
    public async Task Nobody_listening_is_unreachable_and_transient()
    {
        BrokerOptions options = new() { Endpoints = [new DnsEndPoint("127.0.0.1", 1)], ConnectTimeout = TimeSpan.FromSeconds(5) };

        RabbitBackupException exception = await Assert.ThrowsAsync<RabbitBackupException>(() => BrokerConnection.OpenAsync(options, null, Cancel));

        Assert.Equal((ErrorCode.BrokerUnreachable, true, "amqp://127.0.0.1:1"), (exception.Code, exception.IsTransient, exception.Target));
    }

    [Fact]
    public async Task The_second_endpoint_is_tried_where_the_first_does_not_answer()
    {
        await using ManagedVirtualHost host = await ManagedVirtualHost.CreateAsync("4.3");
        BrokerOptions options = host.Options with { Endpoints = [new DnsEndPoint("127.0.0.1", 1), host.Options.Endpoints[0]] };

        await using BrokerConnection connection = await BrokerConnection.OpenAsync(options, null, Cancel);

        Assert.NotEmpty(connection.RabbitMqVersion);
    }
}
