namespace RabbitMqBackup.Engine.Broker;

/// <summary>What a user needs for a request to the management API, as it stands in a hint.</summary>
internal static class UserTag
{
    internal const string Management = "one of the user tags 'management', 'monitoring', 'policymaker' or 'administrator'";

    internal const string Monitoring = "the user tag 'monitoring' or 'administrator'";

    internal const string Administrator = "the user tag 'administrator'";

    internal const string Queues = "the user tag 'monitoring' (or any other of the management's) and a permission in the virtual host";

    internal const string Policies = "the user tag 'policymaker' or 'administrator' and a permission in the virtual host";
}
