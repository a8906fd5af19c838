using System.ComponentModel;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using RabbitMqBackup.Engine.Broker;
using RabbitMqBackup.TestHost;
using Xunit;

namespace RabbitMqBackup.Engine.Tests.Definitions;

/// <summary>A cluster with something of everything, made over HTTP by hand, and wiped the same way.</summary>
/// <param name="broker">All of it is taken.</param>
internal sealed class SampleCluster(OwnTestBroker broker)
{
    internal BrokerOptions Options { get; } = new()
    {
        Endpoints = [new DnsEndPoint(broker.Host, broker.AmqpPort)],
        ManagementUri = broker.ManagementUri,
        Credential = new NetworkCredential(broker.User, broker.Password),
    };

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>What every generation takes.</summary>
    internal async Task FillAsync()
    {
        await PutAsync("users/ops", """{"password":"secret-word","tags":"monitoring,policymaker"}""");
        await PutAsync("users/certificate-only", """{"password_hash":"","tags":""}""");
        await PutAsync("user-limits/ops/max-connections", """{"value":100}""");
        await PutAsync("vhosts/orders", """{"description":"All orders","tags":"prod,eu"}""");
        await PutAsync("vhosts/%C3%BC%2Fb", "{}");
        foreach (string host in new[] { "orders", "%C3%BC%2Fb" })
        {
            await PutAsync($"permissions/{host}/guest", """{"configure":".*","write":".*","read":".*"}""");
            await PutAsync($"permissions/{host}/ops", """{"configure":"^$","write":"^app\\.","read":".*"}""");
        }

        await PutAsync("exchanges/orders/in", """{"type":"topic","durable":true,"arguments":{"alternate-exchange":"lost"}}""");
        await PutAsync("exchanges/orders/lost", """{"type":"fanout","durable":true,"internal":true}""");
        await PutAsync("exchanges/orders/hash", """{"type":"x-consistent-hash","durable":true,"arguments":{"hash-header":"tenant"}}""");
        await PutAsync("exchanges/%C3%BC%2Fb/match", """{"type":"headers","durable":true,"auto_delete":false}""");
        await PutAsync("queues/orders/plain", """{"durable":true,"arguments":{"x-dead-letter-exchange":"lost","x-message-ttl":60000}}""");
        await PutAsync("queues/orders/lazy", """{"durable":true,"arguments":{"x-queue-mode":"lazy","x-max-length":12345}}""");
        await PutAsync("queues/orders/mirrored", """{"durable":true,"arguments":{"x-max-priority":5}}""");
        await PutAsync("queues/orders/quorum", """{"durable":true,"arguments":{"x-queue-type":"quorum","x-delivery-limit":7}}""");
        await PutAsync("queues/orders/stream", """{"durable":true,"arguments":{"x-queue-type":"stream","x-max-age":"7D","x-stream-max-segment-size-bytes":1000000}}""");
        await PutAsync("queues/%C3%BC%2Fb/q%2F1", """{"durable":true}""");
        await PostAsync("bindings/orders/e/in/q/plain", """{"routing_key":"a.*.#","arguments":{}}""");
        await PostAsync("bindings/orders/e/in/e/hash", """{"routing_key":"b","arguments":{}}""");
        await PostAsync("bindings/orders/e/hash/q/lazy", """{"routing_key":"10","arguments":{}}""");
        await PostAsync("bindings/orders/e/lost/q/quorum", """{"routing_key":"","arguments":{}}""");
        await PostAsync("bindings/%C3%BC%2Fb/e/match/q/q%2F1", """{"routing_key":"","arguments":{"x-match":"all","n":7,"b":true}}""");
        await PutAsync("policies/orders/limits", """{"pattern":"^plain","definition":{"max-length":1000,"overflow":"reject-publish"},"priority":3,"apply-to":"queues"}""");
        await PutAsync("policies/orders/federate", """{"pattern":"^in$","definition":{"federation-upstream-set":"all"},"apply-to":"exchanges"}""");
        await PutAsync("operator-policies/orders/ceiling", """{"pattern":".*","definition":{"max-length":500000},"apply-to":"queues"}""");
        await PutAsync("topic-permissions/orders/ops", """{"exchange":"in","write":"^a","read":".*"}""");
        await PutAsync("vhost-limits/orders/max-queues", """{"value":50}""");
        await PutAsync("parameters/federation-upstream/orders/up", """{"value":{"uri":"amqp://u:secret-word@localhost:1","expires":3600000}}""");
        await PutAsync("parameters/shovel/orders/move", """{"value":{"src-protocol":"amqp091","src-uri":"amqp://localhost:1","src-queue":"a","dest-protocol":"amqp091","dest-uri":"amqp://localhost:1","dest-queue":"b"}}""");
        await PutAsync("global-parameters/site", """{"value":{"name":"north","floors":[1,2]}}""");
    }

    /// <summary>What only a broker before 4.0 takes.</summary>
    internal async Task FillOldAsync()
    {
        await PutAsync("policies/orders/ha", """{"pattern":"^mirrored","definition":{"ha-mode":"all","ha-sync-mode":"automatic"},"apply-to":"queues","priority":9}""");
        await PutAsync("policies/orders/ha-and-limit", """{"pattern":"^lazy","definition":{"ha-mode":"all","max-length":5},"apply-to":"queues"}""");
        await PutAsync("policies/orders/expiry", """{"pattern":"^mirr","definition":{"message-ttl":5000},"apply-to":"queues"}""");
        await PutAsync("policies/orders/locator", """{"pattern":"^x","definition":{"queue-master-locator":"min-masters","queue-mode":"lazy"},"apply-to":"queues"}""");
        await PutAsync("queues/orders/old", """{"durable":true,"arguments":{"x-queue-version":1,"x-queue-master-locator":"client-local"}}""");
        await PutAsync("queues/orders/transient", """{"durable":false}""");
        await PutAsync("queues/orders/gone-with-consumer", """{"durable":false,"auto_delete":true}""");
    }

    /// <summary>Deletes every virtual host, every user but the administrator, and the global parameters.</summary>
    internal async Task WipeAsync()
    {
        foreach (string host in await NamesAsync("vhosts"))
        {
            await DeleteAsync($"vhosts/{Uri.EscapeDataString(host)}");
        }

        foreach (string user in (await NamesAsync("users")).Where(user => user != broker.User))
        {
            await DeleteAsync($"users/{Uri.EscapeDataString(user)}");
        }

        await broker.Management.DeleteAsync("global-parameters/site", Cancel);
    }

    /// <summary>Imports a file with RabbitMQ's own command line tool.</summary>
    internal async Task ImportWithRabbitMqCtlAsync(byte[] json)
    {
        const string file = "/tmp/definitions-of-a-test.json";
        await broker.CtlAsync("rabbitmqctl", "eval", $"ok = file:write_file(\"{file}\", base64:decode(\"{Convert.ToBase64String(json)}\")).");
        await broker.CtlAsync("rabbitmqctl", "import_definitions", file);
    }

    /// <summary>Imports a file with the tool in Python that the management page of brokers before 4.3 offers for download; the test is skipped where there is no Python.</summary>
    internal async Task ImportWithRabbitMqAdminAsync(byte[] json)
    {
        DirectoryInfo folder = Directory.CreateTempSubdirectory();
        try
        {
            string tool = Path.Combine(folder.FullName, "rabbitmqadmin"), file = Path.Combine(folder.FullName, "definitions.json");
            await File.WriteAllBytesAsync(file, json, Cancel);
            await File.WriteAllBytesAsync(tool, await broker.Management.GetByteArrayAsync(new Uri(broker.ManagementUri, "cli/rabbitmqadmin"), Cancel), Cancel);
            ProcessStartInfo start = new("python3", [tool, "-H", broker.Host, "-P", $"{broker.ManagementPort}", "-u", broker.User, "-p", broker.Password, "import", file])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            using Process process = Process.Start(start)!;
            string errors = await process.StandardError.ReadToEndAsync(Cancel);
            await process.WaitForExitAsync(Cancel);
            Assert.True(process.ExitCode == 0, errors);
        }
        catch (Win32Exception exception)
        {
            Assert.Skip($"python3 can't be started: {exception.Message}");
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>Imports a file as the management page and rabbitmqadmin do.</summary>
    internal async Task ImportOverHttpAsync(byte[] json)
    {
        using HttpResponseMessage response = await broker.Management.PostAsync("definitions", new ByteArrayContent(json) { Headers = { ContentType = new("application/json") } }, Cancel);
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync(Cancel));
    }

    private async Task<IReadOnlyList<string>> NamesAsync(string path)
    {
        JsonElement list = await broker.Management.GetFromJsonAsync<JsonElement>(path, Cancel);
        return [.. list.EnumerateArray().Select(item => item.GetProperty("name").GetString()!)];
    }

    private Task PutAsync(string path, string json) => SendAsync(HttpMethod.Put, path, json);

    private Task PostAsync(string path, string json) => SendAsync(HttpMethod.Post, path, json);

    private Task DeleteAsync(string path) => SendAsync(HttpMethod.Delete, path, null);

    private async Task SendAsync(HttpMethod method, string path, string? json)
    {
        using HttpRequestMessage request = new(method, path) { Content = json is null ? null : new StringContent(json, Encoding.UTF8, "application/json") };
        using HttpResponseMessage response = await broker.Management.SendAsync(request, Cancel);
        Assert.True(response.IsSuccessStatusCode, $"{method} {path}: {(int)response.StatusCode} {await response.Content.ReadAsStringAsync(Cancel)}");
    }
}
